//! The commands that save a machine or change what lies behind it. All but the list of its pages need it paused.

use super::commands::failed;
use crate::config::Base;
use crate::control::Answer;
use crate::devices::block::BlockConfig;
use crate::machine::Machine;
use crate::memory::{self, Pagemap};
use crate::snapshot::format::{self, Kind};
use crate::snapshot::{save, save_to_memory};
use crate::source::Given;
use cumulet_vmm_protocol::{
    Command, Phase, Refusal, RefusalCode, Reply, Snapshot, Source, SwapDisk, WorkingSet,
};
use std::os::fd::OwnedFd;
use std::path::Path;

/// Carries out such a command with the descriptors that came with it.
pub fn execute(machine: &Machine, command: &Command, descriptors: Vec<OwnedFd>) -> Answer {
    let mut given = Given::message(descriptors);
    if let Command::WorkingSet(to) = command {
        return Answer::Now(list_pages(machine, to, &mut given));
    }
    if machine.state.status().phase != Phase::Paused {
        let message = "the machine has to be paused for this".to_owned();
        return Answer::Now(Err(Refusal { code: RefusalCode::WrongPhase, message }));
    }
    Answer::Now(match command {
        Command::Snapshot(snapshot) => save_to_files(machine, snapshot, &mut given),
        Command::SwapDisk(swap) => swap_disk(machine, swap, &mut given),
        _ => match save_to_memory(machine) {
            Ok((info, files)) => return Answer::With(Reply::Snapshot(info), files.into()),
            Err(error) => Err(failed(&error)),
        },
    })
}

fn save_to_files(machine: &Machine, to: &Snapshot, given: &mut Given) -> Result<Reply, Refusal> {
    let mut open = |source| given.open(source, true).map_err(|error| failed(&error));
    let (state, memory) = (open(&to.state)?, open(&to.memory)?);
    let table = given_table(to.pagemap.as_ref(), given)?;
    let table = table.as_ref().unwrap_or(&machine.pagemap);
    save(machine, table, &state, &memory).map(Reply::Snapshot).map_err(|error| failed(&error))
}

fn swap_disk(machine: &Machine, swap: &SwapDisk, given: &mut Given) -> Result<Reply, Refusal> {
    let wrong = |message| Refusal { code: RefusalCode::BadRequest, message };
    let disk = machine.disks.iter().find(|disk| disk.metrics().id == swap.id);
    let disk = disk.ok_or_else(|| wrong(format!("there is no disk {}", swap.id)))?;
    let layers = BlockConfig::check_layers("", &swap.layer, &swap.backing, Base::message(Path::new("")))
        .map_err(|error| wrong(error.to_string()))?;
    disk.swap(&layers, given).map_err(|error| failed(&error))?;
    Ok(Reply::Done)
}

fn list_pages(machine: &Machine, to: &WorkingSet, given: &mut Given) -> Result<Reply, Refusal> {
    let file = given.open(&to.to, true).map_err(|error| failed(&error))?;
    let table = given_table(to.pagemap.as_ref(), given)?;
    let set = memory::touched(&machine.memory, table.as_ref().unwrap_or(&machine.pagemap))
        .map_err(|error| failed(&error))?;
    format::write(&file, Kind::WorkingSet, &set).map_err(|error| failed(&error))?;
    Ok(Reply::Pages(set.pages()))
}

fn given_table(source: Option<&Source>, given: &mut Given) -> Result<Option<Pagemap>, Refusal> {
    let table = source.map(|source| given.open(source, false)).transpose().map_err(|error| failed(&error))?;
    Ok(table.map(Pagemap::given))
}
