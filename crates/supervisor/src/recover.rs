//! The walk over the run directories at the daemon's start. For each directory: a lock that is held means that a VMM
//! lives, and it is taken up once its identity is proved; a free lock means that it ended, as its record says or
//! silently; what makes no sense is set aside.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cumulet_jailer::record::ProcessRecord;
use cumulet_model::{InstanceId, LaunchId};
use cumulet_ports::vm_host::{FoundState, FoundVm};
use cumulet_vmm_protocol::{Command, Identity, Reply};
use futures::future::join_all;
use rustix::process::Signal;
use tokio::time::{Instant, sleep, timeout};
use tracing::{error, info, warn};

use crate::alive;
use crate::control::call_once;
use crate::error::{SupervisorError, describe};
use crate::fork;
use crate::machine::Machine;
use crate::process::{Process, boot_id};
use crate::run_dir::RunDir;
use crate::shared::Shared;

/// How long at most a VMM that lives may take until it has said who it is: one that was being started when the daemon
/// died.
const IDENTITY_LIMIT: Duration = Duration::from_secs(20);
/// How long a process that can't be proved to be the VMM is waited for: one whose threads are just being ended has
/// closed its files in one thread and not in the others.
const DYING_LIMIT: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Takes up what lives and tells what became of the rest. One VMM that hangs does not hold up the others.
pub async fn recover(shared: &Arc<Shared>) -> Result<Vec<FoundVm>, SupervisorError> {
    let failed = SupervisorError::io("list the run directories");
    let boot_id = boot_id().map_err(SupervisorError::io("read the host's boot id"))?;
    let mut walks = Vec::new();
    for entry in std::fs::read_dir(shared.vms()).map_err(&failed)? {
        walks.push(look_at(shared, entry.map_err(&failed)?.file_name(), &boot_id));
    }
    Ok(join_all(walks).await.into_iter().flatten().collect())
}

/// One directory; `None` once it is set aside.
async fn look_at(shared: &Arc<Shared>, name: OsString, boot_id: &str) -> Option<FoundVm> {
    let Some(id) = name.to_str().and_then(|name| name.parse::<InstanceId>().ok()) else {
        return set_aside(shared, &name, "its name is no instance's");
    };
    if let Some(machine) = shared.machine(&id) {
        let launch_id = machine.launch_id.clone();
        return Some(FoundVm { instance_id: id, launch_id, state: FoundState::Running });
    }
    let dir = shared.dir(&id);
    let found = match alive::is_held(dir.path()) {
        Ok(true) => take_up(shared, &id, &dir, boot_id).await,
        Ok(false) => ended(&dir),
        Err(error) => Err(Odd::Unreadable(error)),
    };
    match found {
        Ok((launch_id, state)) => {
            log_found(&id, &state);
            Some(FoundVm { instance_id: id, launch_id, state })
        }
        Err(odd) => set_aside(shared, &name, &odd.to_string()),
    }
}

fn log_found(id: &InstanceId, state: &FoundState) {
    match state {
        FoundState::Running => info!(instance = %id, "took up a running machine"),
        FoundState::Paused => info!(instance = %id, "took up a machine that stands still"),
        FoundState::Ended(end) => {
            info!(instance = %id, how = describe(end), "found that a machine had ended")
        }
    }
}

/// What makes a run directory make no sense.
#[derive(Debug, thiserror::Error)]
enum Odd {
    #[error("it can't be read: {0}")]
    Unreadable(io::Error),
    #[error("it doesn't say which launch it is of")]
    NoLaunch,
    #[error("a process lives in it that isn't the VMM it tells of")]
    Stranger,
}

/// A directory where nobody lives. The specification is written before anything is spawned.
fn ended(dir: &RunDir) -> Result<(LaunchId, FoundState), Odd> {
    let launch_id = dir.launch_id().map_err(Odd::Unreadable)?.ok_or(Odd::NoLaunch)?;
    let end = dir.end(&launch_id);
    Ok((launch_id, FoundState::Ended(end)))
}

/// A directory where a process lives.
async fn take_up(
    shared: &Arc<Shared>,
    id: &InstanceId,
    dir: &RunDir,
    boot_id: &str,
) -> Result<(LaunchId, FoundState), Odd> {
    let identity = wait_for_identity(dir, shared.config.start_limit.min(IDENTITY_LIMIT)).await;
    if !alive::is_held(dir.path()).map_err(Odd::Unreadable)? {
        return ended(dir);
    }
    let Some((launch_id, process)) = prove(shared, id, dir, identity, boot_id).await else {
        // It may be dying just now. Left alive it would go on writing to the disks that the next start opens.
        if !becomes_free(dir).await {
            remove_holders(dir).await;
        }
        return ended(dir).map_err(|_| Odd::Stranger);
    };
    let machine = Machine::found(shared, id.clone(), launch_id.clone(), process);
    let paused = fork::is_paused(&machine).await;
    shared.add(Arc::new(machine.standing_still(paused)));
    Ok((launch_id, if paused { FoundState::Paused } else { FoundState::Running }))
}

/// Waits a while for the process of a directory to go away by itself.
async fn becomes_free(dir: &RunDir) -> bool {
    let deadline = Instant::now() + DYING_LIMIT;
    while alive::is_held(dir.path()).unwrap_or(true) {
        if Instant::now() > deadline {
            return false;
        }
        sleep(LOOK_EVERY).await;
    }
    true
}

async fn wait_for_identity(dir: &RunDir, limit: Duration) -> Option<Identity> {
    let deadline = Instant::now() + limit;
    loop {
        match dir.identity() {
            Ok(Some(identity)) => return Some(identity),
            Ok(None) if Instant::now() < deadline && alive::is_held(dir.path()).unwrap_or(false) => {
                sleep(LOOK_EVERY).await;
            }
            Ok(None) => return None,
            Err(error) => {
                warn!(dir = %dir.path().display(), %error, "a VMM's identity can't be read");
                return None;
            }
        }
    }
}

/// Proves that the process of an identity is the VMM of this directory. One that says nothing at all is believed by its
/// pid's start time; one that says something else is not.
async fn prove(
    shared: &Shared,
    id: &InstanceId,
    dir: &RunDir,
    identity: Option<Identity>,
    boot_id: &str,
) -> Option<(LaunchId, Process)> {
    let identity = identity.filter(|it| it.instance_id == id.as_str() && it.boot_id == boot_id)?;
    let launch_id: LaunchId = identity.launch_id.parse().ok()?;
    // What a jailed VMM says of itself counts for nothing where its jailer has said otherwise.
    if let Some(record) = ProcessRecord::read(dir.path()).ok().flatten()
        && (record.pid, record.pid_start_time) != (identity.pid, identity.pid_start_time)
    {
        return None;
    }
    let process = match Process::open_identified(identity.pid, identity.pid_start_time) {
        Ok(process) => process.filter(|process| alive::is_holder(process.pid(), dir.path()))?,
        Err(error) => {
            error!(instance = %id, %error, "can't take hold of a VMM's process");
            return None;
        }
    };
    match call_once(&dir.socket(), identity.pid, Command::Hello, shared.config.call_limit).await {
        Ok(Reply::Hello(hello)) if hello == identity => {}
        Ok(_) => return None,
        // It may be dying just now, its socket gone before the last of its threads.
        Err(_) if timeout(DYING_LIMIT, process.ended()).await.is_ok() => return None,
        Err(error) => {
            warn!(instance = %id, pid = identity.pid, %error, "a VMM lives and does not answer; it is watched");
        }
    }
    Some((launch_id, process))
}

/// Kills whatever holds a lock of the directory. The pid is from `/proc` of this moment and is looked at once more
/// when the process is held by its descriptor.
async fn remove_holders(dir: &RunDir) {
    let pids = alive::holders(dir.path()).unwrap_or_default();
    for pid in pids {
        let Ok(Some(process)) = Process::open(pid) else { continue };
        if alive::is_holder(pid, dir.path()) {
            error!(pid, dir = %dir.path().display(), "killed a process that lives in a run directory and isn't its VMM");
            let _ = process.signal(Signal::KILL);
            let _ = timeout(IDENTITY_LIMIT, process.ended()).await;
        }
    }
}

/// Moves a directory to where people find it and nobody else looks.
fn set_aside(shared: &Shared, name: &OsString, why: &str) -> Option<FoundVm> {
    let place = shared.config.run_dir.join("quarantine");
    let from = shared.vms().join(name);
    let moved =
        std::fs::create_dir_all(&place).and_then(|()| std::fs::rename(&from, free_name(&place, name)));
    match moved {
        Ok(()) => warn!(dir = %from.display(), why, "set aside a run directory that makes no sense"),
        Err(error) => error!(dir = %from.display(), why, %error, "can't set aside a run directory"),
    }
    None
}

fn free_name(place: &Path, name: &OsString) -> std::path::PathBuf {
    let numbered = |n: u32| {
        let mut numbered = name.clone();
        numbered.push(format!(".{n}"));
        place.join(numbered)
    };
    (0..).map(numbered).find(|path| !path.exists()).unwrap_or_else(|| place.join(name))
}
