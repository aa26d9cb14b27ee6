//! The commands that save a machine or change what lies behind it. All but the list of its pages need it paused.

use super::commands::failed;
use crate::config::Base;
use crate::control::{Answer, Asked};
use crate::devices::block::BlockConfig;
use crate::machine::Machine;
use crate::memory::{self, Pagemap};
use crate::snapshot::format::{self, Kind};
use crate::snapshot::{self, SaveError};
use crate::source::Given;
use cumulet_vmm_protocol::{
    Command, Phase, Refusal, RefusalCode, Reply, SnapshotInfo, Source, SwapDisk, WorkingSet,
};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

/// What came of it, with the files that go back.
type Written = Result<(SnapshotInfo, Vec<OwnedFd>), SaveError>;

/// The snapshot that is being written, by a thread of its own: it takes as long as the machine's memory is large.
#[derive(Debug, Default)]
pub struct Saving {
    written: Option<Arc<Mutex<Option<Written>>>>,
    /// Of the request that began it.
    mark: u64,
}

impl Saving {
    /// Whether the machine has to stand still for it.
    pub fn is_busy(&self) -> bool {
        self.written.as_ref().is_some_and(|written| locked(written).is_none())
    }

    /// Begins one; what an earlier one came to, and nobody has asked for any more, is forgotten.
    fn begin(&mut self, machine: &Machine, asked: &mut Asked) -> Result<(), Refusal> {
        if self.is_busy() {
            let message = "another snapshot is being written".to_owned();
            return Err(Refusal { code: RefusalCode::Busy, message });
        }
        let mut given = Given::message(std::mem::take(&mut asked.fds));
        let (mut pages, mut files) = (machine.pagemap.clone(), None);
        if let Command::Snapshot(to) = &asked.command {
            let mut open = |source| given.open(source, true).map_err(|error| failed(&error));
            files = Some((open(&to.state)?, open(&to.memory)?));
            pages = given_table(to.pagemap.as_ref(), &mut given)?.unwrap_or(pages);
        }
        let taken = snapshot::take(machine).map_err(|error| failed(&error))?;
        let state = machine.state.clone();
        let here = Arc::new(Mutex::new(None));
        let there = here.clone();
        let work = move || {
            let written = match files {
                Some((to, memory)) => taken.write(&pages, &to, &memory).map(|info| (info, Vec::new())),
                None => taken.write_to_memory(&pages),
            };
            *locked(&there) = Some(written);
            state.wake();
        };
        let thread = std::thread::Builder::new().name("snapshot".to_owned()).spawn(work);
        thread.map_err(|error| failed(&error))?;
        self.written = Some(here);
        self.mark += 1;
        asked.mark = self.mark;
        Ok(())
    }

    fn answer(&mut self, asked: &Asked) -> Answer {
        if asked.mark != self.mark {
            let message = "another snapshot was asked for before this one was answered".to_owned();
            return Answer::Now(Err(Refusal { code: RefusalCode::Failed, message }));
        }
        let Some(written) = self.written.as_ref().and_then(|written| locked(written).take()) else {
            return Answer::Later;
        };
        self.written = None;
        match written {
            Ok((info, files)) => Answer::With(Reply::Snapshot(info), files),
            Err(error) => Answer::Now(Err(failed(&error))),
        }
    }
}

fn locked(written: &Mutex<Option<Written>>) -> MutexGuard<'_, Option<Written>> {
    written.lock().expect("no thread panicked")
}

/// Carries out such a command with the descriptors that came with it.
pub fn execute(machine: &Machine, saving: &mut Saving, asked: &mut Asked) -> Answer {
    if asked.again {
        return saving.answer(asked);
    }
    if let Command::WorkingSet(to) = &asked.command {
        return Answer::Now(list_pages(machine, to, &mut Given::message(std::mem::take(&mut asked.fds))));
    }
    if machine.state.status().phase != Phase::Paused {
        let message = "the machine has to be paused for this".to_owned();
        return Answer::Now(Err(Refusal { code: RefusalCode::WrongPhase, message }));
    }
    if let Command::SwapDisk(swap) = &asked.command {
        return Answer::Now(swap_disk(machine, swap, &mut Given::message(std::mem::take(&mut asked.fds))));
    }
    match saving.begin(machine, asked) {
        Ok(()) => Answer::Later,
        Err(refusal) => Answer::Now(Err(refusal)),
    }
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
