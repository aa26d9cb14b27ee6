//! The jails of machines, as the supervisor makes them: a user id and control groups for each, and the command line of
//! the jailer. What is made here outlives the daemon; it is taken back when a run directory is removed.

use std::path::{Path, PathBuf};
use std::process::Command;

use cumulet_jailer::cgroup::{self, Cgroups, Limits};
use cumulet_jailer::record::ProcessRecord;
use cumulet_jailer::uids::Uids;
use cumulet_model::InstanceId;
use cumulet_ports::vm_host::VmSpec;
use tracing::{info, warn};

use crate::alive;
use crate::error::SupervisorError;
use crate::{Jail, SupervisorConfig};

/// What all jails of this host have in common.
#[derive(Debug, Clone)]
pub struct Jails {
    program: PathBuf,
    uids: Uids,
    cgroups: Cgroups,
}

/// The jail of one machine that is about to start.
#[derive(Debug)]
pub struct Cell {
    program: PathBuf,
    uid: u32,
    name: String,
    cgroups: Vec<PathBuf>,
    threads: u64,
}

impl Jails {
    /// As the settings say; `None` for no jails. What the host lacks is logged, once for each daemon.
    pub fn new(config: &SupervisorConfig) -> Result<Option<Self>, SupervisorError> {
        let Jail::On { program, uids } = &config.jail else {
            warn!(
                "machines run WITHOUT A JAIL, as asked: a guest that breaks out of its VMM is root on this host"
            );
            return Ok(None);
        };
        if !program.is_file() {
            return Err(SupervisorError::NoJailer(program.clone()));
        }
        let cgroups = Cgroups::prepare();
        for lack in cgroups.lacks() {
            warn!(lack, "machines are held less than they could be");
        }
        Ok(Some(Self { program: program.clone(), uids: Uids::new(uids), cgroups }))
    }

    /// Makes the jail of a machine whose run directory was just made.
    pub fn cell(&self, run_dir: &Path, spec: &VmSpec) -> Result<Cell, SupervisorError> {
        let name = spec.instance_id.to_string();
        let uid =
            self.uids.allot(run_dir, &name).map_err(SupervisorError::io("give a machine its user id"))?;
        let threads = cumulet_jailer::thread_limit(spec.vcpus);
        let limits = Limits { vcpus: spec.vcpus, memory_mib: spec.memory.0, threads };
        let (cgroups, lacks) = self.cgroups.make(&name, &limits);
        for lack in lacks {
            warn!(instance = %name, lack, "a machine is held less than it could be");
        }
        Ok(Cell { program: self.program.clone(), uid, name, cgroups, threads })
    }

    /// Lets a running machine use what one with so much memory may.
    pub fn allow_memory(&self, id: &InstanceId, mib: u64) {
        if let Some(lack) = self.cgroups.set_memory(id.as_str(), mib) {
            warn!(instance = %id, lack, "a machine's limit of memory stays as it was");
        }
    }

    /// Holds a running machine to so many thousandths of a processor, or lets it use what one with so many vCPUs may.
    pub fn limit_cpu(&self, id: &InstanceId, vcpus: u32, thousandths: Option<u32>) {
        if let Some(lack) = self.cgroups.set_cpu(id.as_str(), vcpus, thousandths) {
            warn!(instance = %id, lack, "a machine's limit of processor time stays as it was");
        }
    }

    /// Takes back what the jail of a run directory was made of. The directory is about to be removed, and nobody lives
    /// in it.
    pub fn release(&self, run_dir: &Path, id: &InstanceId) {
        let record = ProcessRecord::read(run_dir).ok().flatten();
        let dirs = record.map_or_else(|| self.cgroups.dirs(id.as_str()), |record| record.cgroups);
        if let Err(error) = cgroup::remove(&dirs) {
            info!(instance = %id, %error, "a machine's control group stays for now");
        }
        if let Err(error) = self.uids.release(run_dir) {
            warn!(instance = %id, %error, "a machine's user id is not given back");
        }
    }
}

/// Takes back all that jails have left on the host, for machines in `run_dir` that do not run any more. What belongs to
/// other installations stays.
pub fn leave_host(config: &SupervisorConfig) {
    let Jail::On { uids, .. } = &config.jail else { return };
    let jails = Jails { program: PathBuf::new(), uids: Uids::new(uids), cgroups: Cgroups::none() };
    let vms = std::fs::read_dir(config.run_dir.join("vms"));
    for entry in vms.into_iter().flatten().flatten() {
        let id = entry.file_name().to_str().and_then(|name| name.parse::<InstanceId>().ok());
        if let Some(id) = id.filter(|_| !alive::is_held(&entry.path()).unwrap_or(true)) {
            jails.release(&entry.path(), &id);
        }
    }
    cgroup::leave();
    if let Err(error) = Uids::new(uids).leave() {
        info!(%error, "what tells of machines' user ids stays for now");
    }
}

impl Cell {
    /// The command that runs `vmm` with `arguments` in this jail. It belongs into a process id namespace of its own.
    pub fn command(&self, vmm: &Path, run_dir: &Path, arguments: &[String]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--uid").arg(self.uid.to_string()).arg("--run-dir").arg(run_dir);
        command.arg("--name").arg(&self.name).arg("--threads").arg(self.threads.to_string());
        for dir in &self.cgroups {
            command.arg("--cgroup").arg(dir);
        }
        command.arg("--vmm").arg(vmm).arg("--").args(arguments);
        command
    }
}
