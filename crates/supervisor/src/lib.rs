//! The supervisor: starts a VMM process for each machine, watches it by its pidfd, talks to it over its control
//! socket, and takes it up again after the daemon was away.
//!
//! # Who lives how long
//!
//! A VMM outlives the daemon. It is started in a session of its own, without a pipe to the daemon and without a
//! death signal; its errors go to `vmm.log` in its run directory. While the daemon lives, it is the parent and reaps;
//! when the daemon is gone, the host's init does, and the next daemon watches by pidfd, which needs no parenthood.
//! Under systemd a unit's whole control group is killed at a stop unless it says otherwise: the daemon's unit needs
//! `KillMode=process`, else stopping or restarting the daemon ends every guest.
//!
//! # Jails
//!
//! A VMM is started by way of the jailer ([`cumulet_jailer`]): it is the first process of a process id namespace of its
//! own, with a user id of its own, and sees nothing of the host but its run directory. What it leaves there is what a
//! stranger leaves there: read within bounds, no link followed, and believed only where the jailer's own record
//! (`process.json`, which the VMM can't touch) agrees.
//!
//! # The run directory of an instance, `<run>/vms/<instance>/`
//!
//! The supervisor makes it before each start and writes `spec.json` and `alive` there; the other files are the VMM's
//! ([`cumulet_vmm_protocol::rundir`]). `alive` is a lock that the supervisor takes and the VMM inherits by an open
//! descriptor, so that it is held without a gap from before the process exists until it is gone: a daemon that dies
//! in the middle of a start finds out later what became of it.
#![deny(unsafe_code)]

mod alive;
mod config;
mod console;
mod control;
mod error;
mod fork;
mod guest;
mod hotplug;
mod jail;
mod launch;
mod machine;
mod process;
mod recover;
mod run_dir;
mod save;
mod shared;
mod socket;
mod start;
mod sys;
mod touched;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cumulet_model::{Gib, InstanceId, Mib, VolumeId};
use cumulet_ports::storage::{DiskChain, SavingFiles};
use cumulet_ports::vm_host::{FoundVm, Limits, MachineBase, VmDisk, VmEvent, VmHost, VmInterface, VmSpec};
use cumulet_ports::{BoxedGuestStream, PortError, PortResult};
use cumulet_vmm_protocol::{Command, ConsoleChunk, Metrics};
use tokio::sync::mpsc;

pub use alive::holders as vmm_pids;
pub use config::{Jail, SupervisorConfig};
pub use error::SupervisorError;
pub use jail::leave_host;
use shared::Shared;

/// [`VmHost`] on processes of this host. Dropped, it stops watching; the machines go on.
#[derive(Debug)]
pub struct Supervisor {
    shared: Arc<Shared>,
}

impl Supervisor {
    /// Makes the run directory. [`VmHost::recover`] comes next; until then nothing starts.
    pub fn new(config: SupervisorConfig) -> Result<Self, SupervisorError> {
        Ok(Self { shared: Arc::new(Shared::new(config)?) })
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.shared.stop_watching();
    }
}

#[async_trait]
impl VmHost for Supervisor {
    async fn recover(&self, events: mpsc::UnboundedSender<VmEvent>) -> PortResult<Vec<FoundVm>> {
        self.shared.open_events(events);
        Ok(recover::recover(&self.shared).await?)
    }

    async fn start(&self, spec: VmSpec) -> PortResult<()> {
        // In a task of its own, so that a caller who goes away doesn't leave a machine half started.
        let started = tokio::spawn(start::start(Arc::clone(&self.shared), spec)).await;
        started.map_err(|error| PortError::new("the start of the machine was cut off", error))?
    }

    async fn power_button(&self, id: &InstanceId) -> PortResult<()> {
        let machine = self.shared.running(id)?;
        Ok(machine.command(Command::PowerButton).await.map_err(SupervisorError::from)?)
    }

    async fn kill(&self, id: &InstanceId) -> PortResult<()> {
        match self.shared.machine(id) {
            Some(machine) => Ok(machine.kill().await?),
            None => Ok(()),
        }
    }

    async fn is_running(&self, id: &InstanceId) -> bool {
        self.shared.machine(id).is_some()
    }

    async fn console(
        &self,
        id: &InstanceId,
        offset: Option<u64>,
        max: u32,
        wait: bool,
    ) -> PortResult<ConsoleChunk> {
        Ok(console::read(&self.shared, id, offset, max, wait).await?)
    }

    async fn console_write(&self, id: &InstanceId, data: &[u8]) -> PortResult<u64> {
        Ok(self.shared.running(id)?.console_write(data).await.map_err(SupervisorError::from)?)
    }

    async fn fork(&self, id: &InstanceId, disks: Vec<(VolumeId, DiskChain)>) -> PortResult<MachineBase> {
        Ok(fork::fork(&*self.shared.running(id)?, disks).await?)
    }

    async fn learn_touched(&self, id: &InstanceId, base: &MachineBase) -> PortResult<()> {
        Ok(touched::learn(&*self.shared.running(id)?, &base.touched).await?)
    }

    async fn save(&self, id: &InstanceId, files: SavingFiles) -> PortResult<()> {
        Ok(save::save(&*self.shared.running(id)?, files).await?)
    }

    async fn resume(&self, id: &InstanceId) -> PortResult<()> {
        Ok(fork::release(&*self.shared.running(id)?).await?)
    }

    async fn swap_disks(&self, id: &InstanceId, disks: Vec<(VolumeId, DiskChain)>) -> PortResult<()> {
        Ok(fork::swap_disks(&*self.shared.running(id)?, disks).await?)
    }

    async fn attach_disk(&self, id: &InstanceId, disk: VmDisk) -> PortResult<()> {
        Ok(hotplug::attach_disk(&*self.shared.running(id)?, disk).await?)
    }

    async fn attach_interface(&self, id: &InstanceId, interface: VmInterface) -> PortResult<()> {
        Ok(hotplug::attach_interface(&*self.shared.running(id)?, interface).await?)
    }

    async fn detach(&self, id: &InstanceId, device: &str, force: bool) -> PortResult<()> {
        Ok(hotplug::detach(&*self.shared.running(id)?, device, force).await?)
    }

    async fn devices(&self, id: &InstanceId) -> PortResult<Vec<String>> {
        Ok(hotplug::devices(&*self.shared.running(id)?).await?)
    }

    async fn resize_disk(&self, id: &InstanceId, volume: &VolumeId, size: Gib) -> PortResult<()> {
        Ok(hotplug::resize(&*self.shared.running(id)?, volume, size).await?)
    }

    async fn set_limits(&self, id: &InstanceId, device: &str, limits: Limits) -> PortResult<()> {
        Ok(hotplug::set_limits(&*self.shared.running(id)?, device, limits).await?)
    }

    async fn set_memory(&self, id: &InstanceId, memory: Mib) -> PortResult<()> {
        Ok(hotplug::set_memory(&*self.shared.running(id)?, self.shared.jails.as_ref(), memory).await?)
    }

    async fn cpu_time(&self, id: &InstanceId) -> PortResult<Duration> {
        let used = self.shared.running(id)?.process.cpu_time();
        Ok(used.map_err(SupervisorError::io("read a machine's processor time"))?)
    }

    async fn limit_cpu(&self, id: &InstanceId, vcpus: u32, thousandths: Option<u32>) -> PortResult<()> {
        self.shared.running(id)?;
        self.shared.jails.iter().for_each(|jails| jails.limit_cpu(id, vcpus, thousandths));
        Ok(())
    }

    async fn connect_guest(&self, id: &InstanceId, port: u32) -> PortResult<Option<BoxedGuestStream>> {
        let machine = self.shared.running(id)?;
        Ok(guest::connect(&machine, port, self.shared.config.call_limit).await?)
    }

    async fn metrics(&self, id: &InstanceId) -> PortResult<Metrics> {
        Ok(self.shared.running(id)?.metrics().await.map_err(SupervisorError::from)?)
    }

    async fn forget(&self, id: &InstanceId) -> PortResult<()> {
        Ok(self.shared.forget(id)?)
    }
}
