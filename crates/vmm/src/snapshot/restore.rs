//! Begins a machine from what was saved. Everything is judged before the guest runs: a machine that can't go on here
//! ends with the reason, and has touched neither disk nor network.

use super::binding::{self, BindingError};
use super::format::{self, FormatError, Kind};
use super::machine::{MachineSave, Parts, rename};
use super::part::PartError;
use crate::begin::RestoreConfig;
use crate::config::MachineConfig;
use crate::cpu::{self, CompatError, CpuError, Vcpu};
use crate::memory::{self, Memory, MemoryError, WorkingSet};
use crate::run::{complain, explain};
use crate::{platform, source};
use cumulet_vmm_protocol::Source;
use kvm_ioctls::{Kvm, VmFd};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;

/// Why a machine can't go on here.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// A file.
    #[error("the {what} file can't be opened")]
    Open {
        /// Which one.
        what: &'static str,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The state file.
    #[error("the state can't be used")]
    State(#[source] FormatError),
    /// The memory file.
    #[error("the memory can't be used")]
    Binding(#[from] BindingError),
    /// The memory file.
    #[error("the memory can't be mapped")]
    Memory(#[from] MemoryError),
    /// The specification has another number of something.
    #[error("the machine was saved with {saved} {what}, the specification has {wanted}")]
    Differs {
        /// Of what.
        what: &'static str,
        /// Then.
        saved: u64,
        /// Now.
        wanted: u64,
    },
    /// The guest would think it is the one that was saved.
    #[error("the guest has a generation ID, and the specification gives no new one")]
    NoGenerationId,
    /// A part that the specification lacks.
    #[error("the machine was saved with {0}, which the specification lacks")]
    Missing(String),
    /// A part that the saved machine lacks.
    #[error("the machine was saved without {0}, which the specification has")]
    Unknown(String),
    /// A part that is not as it was.
    #[error("{part} can't go on")]
    Part {
        /// Its name.
        part: String,
        /// The cause.
        #[source]
        source: PartError,
    },
    /// CPU features.
    #[error("the CPU does not fit")]
    Compat(#[from] CompatError),
    /// vCPUs.
    #[error("vCPUs")]
    Cpu(#[from] CpuError),
    /// KVM.
    #[error("KVM refused the machine's state ({step})")]
    Kvm {
        /// Which step.
        step: &'static str,
        /// The cause.
        #[source]
        source: kvm_ioctls::Error,
    },
}

/// Reads the state, compares it with the specification, and maps the memory. Pages to fetch ahead come in a thread of
/// their own: the machine does not wait for them.
pub fn open(config: &MachineConfig, restore: &RestoreConfig) -> Result<(Memory, MachineSave), RestoreError> {
    let mut saved: MachineSave =
        format::read(&open_file("state", &restore.state)?, Kind::State).map_err(RestoreError::State)?;
    rename(&mut saved.parts, &restore.renamed);
    let differs = |what, saved, wanted| {
        if saved == wanted { Ok(()) } else { Err(RestoreError::Differs { what, saved, wanted }) }
    };
    differs("vCPUs", saved.vcpus.len() as u64, u64::from(config.vcpus))?;
    differs("bytes of memory", saved.memory_bytes, config.memory_bytes + config.pluggable_bytes)?;
    if saved.generation_id && config.generation_id.is_none() {
        return Err(RestoreError::NoGenerationId);
    }
    let file = open_file("memory", &restore.memory)?;
    binding::check(&file, saved.memory_bytes, &saved.id)?;
    let memory = memory::map_file(file, &config.mapped())?;
    if let Some(prefetch) = &restore.prefetch {
        fetch(prefetch, &memory);
    }
    Ok((memory, saved))
}

fn open_file(what: &'static str, source: &Source) -> Result<File, RestoreError> {
    source::open(source, false).map_err(|source| RestoreError::Open { what, source })
}

/// A hint only: one that can't be used is said and left.
fn fetch(source: &Source, memory: &Memory) {
    let set = source::open(source, false)
        .map_err(FormatError::Io)
        .and_then(|file| format::read::<WorkingSet>(&file, Kind::WorkingSet));
    let memory = memory.clone();
    let fetched = set.and_then(|set| {
        let thread = std::thread::Builder::new().name("prefetch".to_owned());
        thread.spawn(move || set.fetch(&memory)).map_err(FormatError::Io)
    });
    if let Err(error) = fetched {
        complain(&format!("pages are not fetched ahead: {}", explain(&error)));
    }
}

/// Gives parts and vCPUs their state. The machine's memory is registered and its parts are made as the specification
/// says.
pub fn apply(kvm: &Kvm, vm: &VmFd, saved: MachineSave, parts: &Parts) -> Result<Vec<Vcpu>, RestoreError> {
    let refused = |step| move |source| RestoreError::Kvm { step, source };
    let here = cpu::supported_cpuid(kvm).map_err(refused("supported CPUID"))?;
    for vcpu in &saved.vcpus {
        cpu::check_compatible(&vcpu.cpuid, &here)?;
    }
    apply_parts(saved.parts, parts)?;
    let restore = |(id, state)| cpu::restore(vm, id, state);
    let vcpus: Vec<Vcpu> = (0..).zip(&saved.vcpus).map(restore).collect::<Result<_, _>>()?;
    platform::restore(vm, &saved.platform).map_err(refused("interrupt controllers and clock"))?;
    for ((id, state), vcpu) in (0..).zip(&saved.vcpus).zip(&vcpus) {
        cpu::finish(vcpu, id, state)?;
    }
    Ok(vcpus)
}

/// Each part gets its state; none may be left over on either side.
pub fn apply_parts(saved: Vec<(String, serde_json::Value)>, parts: &Parts) -> Result<(), RestoreError> {
    let mut saved: BTreeMap<_, _> = saved.into_iter().collect();
    let mut states = Vec::new();
    for part in parts {
        let name = part.part();
        states.push(saved.remove(&name).ok_or(RestoreError::Unknown(name))?);
    }
    if let Some((name, _)) = saved.pop_first() {
        return Err(RestoreError::Missing(name));
    }
    for (part, state) in parts.iter().zip(states) {
        part.restore(state).map_err(|source| RestoreError::Part { part: part.part(), source })?;
    }
    Ok(())
}
