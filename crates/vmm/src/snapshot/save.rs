//! Saves a machine that stands still. First everything is asked for its state, so that what can't be saved is refused
//! before a byte is written; then memory is written, then the page that makes it valid, then the state.

use super::binding::{self, BindingError};
use super::format::{self, FormatError, Kind};
use super::machine::MachineSave;
use super::part::PartError;
use crate::cpu::CpuError;
use crate::machine::Machine;
use crate::memory::{self, Memory, Pagemap};
use crate::platform;
use cumulet_vmm_protocol::SnapshotInfo;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};
use vm_memory::{GuestMemoryBackend, GuestMemoryRegion};

/// How long the kernel is asked to seal a file, and the pause between two questions.
const SEAL_LIMIT: Duration = Duration::from_secs(10);
const SEAL_PAUSE: Duration = Duration::from_millis(5);

/// Why a machine can't be saved. It goes on as it was.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// A file with something in it.
    #[error("the {0} file is not empty")]
    NotEmpty(&'static str),
    /// Files, random bytes.
    #[error("the host refused")]
    Host(#[from] io::Error),
    /// A device.
    #[error("{part} can't be saved")]
    Part {
        /// Its name.
        part: String,
        /// The cause.
        #[source]
        source: PartError,
    },
    /// KVM's list of registers, interrupt controllers and clock.
    #[error("KVM can't be asked for the machine's state")]
    Kvm(#[source] kvm_ioctls::Error),
    /// A vCPU.
    #[error("vCPUs")]
    Cpu(#[from] CpuError),
    /// The memory file.
    #[error("memory can't be written")]
    Memory(#[source] io::Error),
    /// The memory file's last page.
    #[error("memory can't be closed")]
    Binding(#[from] BindingError),
    /// The state file.
    #[error("the state can't be written")]
    State(#[from] FormatError),
}

/// A machine's state that was taken, and what its memory is written from. The machine has to stand still until it is
/// written; that may be done in any thread, since it takes as long as the machine's memory is large.
#[derive(Debug)]
pub struct Taken {
    saved: MachineSave,
    memory: Memory,
    /// What of it is memory at the moment.
    kept: Vec<(u64, u64)>,
    began: Instant,
}

/// Takes the state of `machine`, which is paused.
pub fn take(machine: &Machine) -> Result<Taken, SaveError> {
    let began = Instant::now();
    Ok(Taken { saved: collect(machine)?, memory: machine.memory.clone(), kept: machine.kept(), began })
}

impl Taken {
    /// Writes it to two empty files.
    pub fn write(self, pages: &Pagemap, state: &File, memory: &File) -> Result<SnapshotInfo, SaveError> {
        for (name, file) in [("state", state), ("memory", memory)] {
            if file.metadata()?.len() > 0 {
                return Err(SaveError::NotEmpty(name));
            }
        }
        let Self { saved, memory: from, kept, began } = self;
        let written_bytes = write_memory(&from, &kept, pages, memory, &saved)?;
        format::write(state, Kind::State, &saved)?;
        Ok(SnapshotInfo {
            id: saved.id,
            memory_bytes: saved.memory_bytes,
            written_bytes,
            took_us: began.elapsed().as_micros() as u64,
        })
    }

    /// The same, to two files in memory that nobody can change afterwards: state and memory.
    pub fn write_to_memory(self, pages: &Pagemap) -> Result<(SnapshotInfo, Vec<OwnedFd>), SaveError> {
        let file = |name| memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).map(File::from);
        let files = [file("state").map_err(io::Error::from)?, file("memory").map_err(io::Error::from)?];
        let info = self.write(pages, &files[0], &files[1])?;
        for file in &files {
            seal(file)?;
        }
        Ok((info, files.map(OwnedFd::from).into()))
    }
}

/// Makes a file in memory unchangeable. The kernel first waits until nobody else holds one of its pages, a tenth of a
/// second at most; on a busy host what it has still to do with pages that were just written takes longer.
fn seal(file: &File) -> io::Result<()> {
    let seals = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    let begun = Instant::now();
    loop {
        match fcntl_add_seals(file, seals) {
            Err(Errno::BUSY) if begun.elapsed() < SEAL_LIMIT => std::thread::sleep(SEAL_PAUSE),
            done => return done.map_err(io::Error::from),
        }
    }
}

fn collect(machine: &Machine) -> Result<MachineSave, SaveError> {
    let part = |part: &std::sync::Arc<dyn super::part::Part>| match part.save() {
        Ok(state) => Ok((part.part(), state)),
        Err(source) => Err(SaveError::Part { part: part.part(), source }),
    };
    let parts = machine.parts.iter().map(part).collect::<Result<_, _>>()?;
    let msrs = machine.kvm.get_msr_index_list().map_err(SaveError::Kvm)?;
    Ok(MachineSave {
        id: random_id()?,
        vmm_version: env!("CARGO_PKG_VERSION").to_owned(),
        memory_bytes: machine.memory.iter().map(GuestMemoryRegion::len).sum(),
        generation_id: machine.generation_id,
        vcpus: machine.vcpus.save(&machine.vm, msrs.as_slice())?,
        platform: platform::save(&machine.vm).map_err(SaveError::Kvm)?,
        parts,
    })
}

fn write_memory(
    memory: &Memory,
    kept: &[(u64, u64)],
    pages: &Pagemap,
    file: &File,
    saved: &MachineSave,
) -> Result<u64, SaveError> {
    let bytes = saved.memory_bytes;
    file.set_len(bytes + binding::LENGTH).map_err(SaveError::Memory)?;
    let written = memory::dump(memory, kept, pages, file).map_err(SaveError::Memory)?;
    file.sync_data().map_err(SaveError::Memory)?;
    binding::write(file, bytes, &saved.id)?;
    file.sync_data().map_err(SaveError::Memory)?;
    Ok(written)
}

fn random_id() -> io::Result<String> {
    let mut bytes = [0; 16];
    let count = rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::empty())?;
    // Up to 256 bytes come whole.
    debug_assert_eq!(count, bytes.len());
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
