//! The commands that change a machine's devices.

use super::commands::failed;
use crate::config::{Base, MIN_MEMORY_MIB, SpecError};
use crate::control::{Answer, Asked};
use crate::devices::block::BlockConfig;
use crate::devices::net::NetConfig;
use crate::limits;
use crate::machine::{HotplugError, Machine, MemoryTargetError};
use crate::source::Given;
use cumulet_vmm_protocol::{Command, Detach, Disk, NetInterface, Refusal, RefusalCode, Reply, SetLimits};
use std::path::Path;

/// Carries out such a command.
pub fn execute(machine: &mut Machine, asked: &mut Asked) -> Answer {
    let mut given = Given::message(std::mem::take(&mut asked.fds));
    let done = match &asked.command {
        Command::AttachDisk(attach) => attach_disk(machine, &attach.disk, &mut given),
        Command::AttachNet(attach) => attach_net(machine, &attach.net, &mut given),
        Command::Detach(detach) => match self::detach(machine, detach, asked.again) {
            Ok(false) => return Answer::Later,
            gone => gone.map(drop),
        },
        Command::Balloon(target) => inflate(machine, target.mib),
        Command::Memory(target) => set_memory(machine, target.mib),
        Command::SetLimits(set) => set_limits(machine, set),
        Command::ResizeDisk(resize) => {
            machine.resize_disk(&resize.id, resize.bytes).map_err(|error| refusal(&error))
        }
        _ => Err(Refusal { code: RefusalCode::Failed, message: "not possible yet".to_owned() }),
    };
    Answer::Now(done.map(|()| Reply::Done))
}

fn attach_disk(machine: &mut Machine, disk: &Disk, given: &mut Given) -> Result<(), Refusal> {
    let config = BlockConfig::check("disk", disk, base()).map_err(|error| wrong(&error))?;
    machine.attach_disk(config, given).map_err(|error| refusal(&error))
}

fn attach_net(machine: &mut Machine, net: &NetInterface, given: &mut Given) -> Result<(), Refusal> {
    let config = NetConfig::check("net", net, base()).map_err(|error| wrong(&error))?;
    machine.attach_net(config, given).map_err(|error| refusal(&error))
}

/// Whether it is gone.
fn detach(machine: &mut Machine, detach: &Detach, again: bool) -> Result<bool, Refusal> {
    if !again {
        machine.detach(&detach.id, detach.force).map_err(|error| refusal(&error))?;
    }
    machine.is_gone(&detach.id).map_err(|error| refusal(&error))
}

/// The guest keeps what a machine has at least.
fn inflate(machine: &Machine, mib: u32) -> Result<(), Refusal> {
    let refused = |code, message| Err(Refusal { code, message });
    let Some(balloon) = &machine.balloon else {
        return refused(RefusalCode::NotFound, "the machine has no balloon".to_owned());
    };
    let most = (machine.memory_now() >> 20).saturating_sub(MIN_MEMORY_MIB);
    if u64::from(mib) > most {
        return refused(RefusalCode::BadRequest, format!("mib: at most {most} can be taken"));
    }
    balloon.set_target(mib);
    Ok(())
}

fn set_memory(machine: &Machine, mib: u64) -> Result<(), Refusal> {
    machine.set_memory(mib).map_err(|error| {
        let code = match error {
            MemoryTargetError::Fixed => RefusalCode::NotFound,
            MemoryTargetError::Range { .. } => RefusalCode::BadRequest,
        };
        Refusal { code, message: error.to_string() }
    })
}

fn set_limits(machine: &Machine, set: &SetLimits) -> Result<(), Refusal> {
    let limits = limits::check("limits", &set.limits).map_err(|error| wrong(&error))?;
    machine.set_limits(&set.id, &limits).map_err(|error| refusal(&error))
}

/// Paths are the caller's, and there is no folder they could be relative to but the run directory.
fn base() -> Base<'static> {
    Base::message(Path::new(""))
}

fn wrong(error: &SpecError) -> Refusal {
    Refusal { code: RefusalCode::BadRequest, message: error.to_string() }
}

fn refusal(error: &HotplugError) -> Refusal {
    let code = match error {
        HotplugError::Exists(_) => RefusalCode::AlreadyThere,
        HotplugError::Unknown(_) => RefusalCode::NotFound,
        HotplugError::TooMany { .. } | HotplugError::NoSlot => RefusalCode::Full,
        _ => RefusalCode::Failed,
    };
    Refusal { code, ..failed(error) }
}
