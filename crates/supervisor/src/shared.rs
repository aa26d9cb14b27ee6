//! What all calls of a supervisor share: the list of machines, who is told of their ends, and which instances are being
//! worked on. Locks are held for a look or an entry, never across a wait.

use std::collections::{HashMap, HashSet};
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cumulet_model::InstanceId;
use cumulet_ports::vm_host::VmEvent;
use cumulet_vmm_protocol::rundir::CONTROL_SOCKET;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::SupervisorConfig;
use crate::alive;
use crate::error::SupervisorError;
use crate::jail::Jails;
use crate::machine::Machine;
use crate::run_dir::RunDir;

/// Bytes of a socket's address without the final zero (unix(7)).
const SUN_PATH: usize = 107;
/// `/vms/`, an instance id of 19 bytes, and a slash.
const BELOW_RUN_DIR: usize = 5 + 19 + 1;

/// The supervisor's state.
#[derive(Debug)]
pub struct Shared {
    /// Settings.
    pub config: SupervisorConfig,
    /// Jails; none when machines run without.
    pub jails: Option<Jails>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    machines: HashMap<InstanceId, Arc<Machine>>,
    /// Instances whose run directory is being made or removed.
    claimed: HashSet<InstanceId>,
    /// Of machines that ended: how far their console had been read.
    console_ends: HashMap<InstanceId, u64>,
    events: Option<mpsc::UnboundedSender<VmEvent>>,
    watchers: JoinSet<()>,
}

impl Shared {
    /// Checks the settings and makes the run directory.
    pub fn new(config: SupervisorConfig) -> Result<Self, SupervisorError> {
        let limit = SUN_PATH - BELOW_RUN_DIR - CONTROL_SOCKET.len();
        let path = config.run_dir.clone();
        if !path.is_absolute() || path.as_os_str().len() > limit {
            return Err(SupervisorError::RunDirTooLong { path, limit });
        }
        let jails = Jails::new(&config)?;
        let shared = Self { config, jails, state: Mutex::default() };
        let made = std::fs::create_dir_all(&shared.config.run_dir).and_then(|()| make_private(&shared.vms()));
        made.map_err(SupervisorError::io("make the run directory"))?;
        Ok(shared)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The directory of all run directories.
    pub fn vms(&self) -> std::path::PathBuf {
        self.config.run_dir.join("vms")
    }

    /// The run directory of an instance.
    pub fn dir(&self, id: &InstanceId) -> RunDir {
        RunDir::of(&self.vms(), id)
    }

    /// From now on ends are told.
    pub fn open_events(&self, events: mpsc::UnboundedSender<VmEvent>) {
        self.state().events = Some(events);
    }

    /// Tells an end; nobody may be listening any more.
    pub fn send(&self, event: VmEvent) {
        if let Some(events) = &self.state().events {
            let _ = events.send(event);
        }
    }

    /// The machine of an instance while its process lives.
    pub fn machine(&self, id: &InstanceId) -> Option<Arc<Machine>> {
        self.state().machines.get(id).cloned()
    }

    /// As [`Shared::machine`], as an error.
    pub fn running(&self, id: &InstanceId) -> Result<Arc<Machine>, SupervisorError> {
        self.machine(id).ok_or_else(|| SupervisorError::NotRunning(id.clone()))
    }

    /// Enters a machine into the list and watches it.
    pub fn add(self: &Arc<Self>, machine: Arc<Machine>) {
        let mut state = self.state();
        while state.watchers.try_join_next().is_some() {}
        state.watchers.spawn(Arc::clone(&machine).watch(Arc::clone(self)));
        state.machines.insert(machine.id.clone(), machine);
    }

    /// Takes a machine that ended out of the list.
    pub fn remove(&self, machine: &Machine) {
        let mut state = self.state();
        state.machines.remove(&machine.id);
        state.console_ends.insert(machine.id.clone(), machine.console_end());
    }

    /// How far the console of a machine that ended had been read.
    pub fn console_end(&self, id: &InstanceId) -> u64 {
        self.state().console_ends.get(id).copied().unwrap_or(0)
    }

    /// Ends all watching.
    pub fn stop_watching(&self) {
        self.state().watchers.abort_all();
    }

    /// Claims an instance without a machine for making or removing its run directory.
    pub fn claim(self: &Arc<Self>, id: &InstanceId) -> Result<Claim, SupervisorError> {
        let mut state = self.state();
        if state.events.is_none() {
            return Err(SupervisorError::NotRecovered);
        }
        if state.machines.contains_key(id) || !state.claimed.insert(id.clone()) {
            return Err(SupervisorError::Taken(id.clone()));
        }
        drop(state);
        let claim = Claim { shared: Arc::clone(self), id: id.clone() };
        let held = alive::is_held(self.dir(id).path()).map_err(SupervisorError::io("try a VMM's lock"))?;
        if held { Err(SupervisorError::Taken(id.clone())) } else { Ok(claim) }
    }

    /// Removes the run directory of an instance that does not run.
    pub fn forget(self: &Arc<Self>, id: &InstanceId) -> Result<(), SupervisorError> {
        let claim = self.claim(id)?;
        if let Some(jails) = &self.jails {
            jails.release(self.dir(id).path(), id);
        }
        self.dir(id).remove().map_err(SupervisorError::io("remove a run directory"))?;
        self.state().console_ends.remove(&claim.id);
        Ok(())
    }
}

/// Control sockets and consoles are for the daemon's user alone.
fn make_private(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// An instance that nobody else may start or forget meanwhile.
#[derive(Debug)]
pub struct Claim {
    shared: Arc<Shared>,
    id: InstanceId,
}

impl Claim {
    /// Forgets what was known of an earlier run.
    pub fn begin(&self) {
        self.shared.state().console_ends.remove(&self.id);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.shared.state().claimed.remove(&self.id);
    }
}
