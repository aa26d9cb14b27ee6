//! Machines without a KVM: they power off when their button is pressed, and end as a test tells them to. They live on
//! when the daemon that started them is gone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use cumulet_agent_client::protocol::Identity;
use cumulet_model::{Gib, InstanceId, Mib, VolumeId};
use cumulet_ports::storage::DiskChain;
use cumulet_ports::vm_host::{
    FoundState, FoundVm, Limits, MachineBase, VmDisk, VmEnd, VmEvent, VmInterface, VmSpec,
};
use cumulet_ports::{BoxedGuestStream, PortError, PortResult, VmHost};
use cumulet_vmm_protocol::{ConsoleChunk, ExitReason, Metrics};
use tokio::sync::mpsc;

use crate::Faults;
use crate::agent::tame_agent;

/// The fake machines.
pub struct FakeVmHost {
    faults: Faults,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    vms: BTreeMap<InstanceId, Vm>,
    events: Option<mpsc::UnboundedSender<VmEvent>>,
    starts: u32,
    deaf: bool,
    agents: bool,
    tame_agents: bool,
    identities: Arc<Mutex<Vec<Identity>>>,
    holds_on: bool,
    resizes: Vec<(VolumeId, Gib)>,
}

struct Vm {
    spec: VmSpec,
    /// Ids of disks and interfaces.
    devices: Vec<String>,
    /// Devices that the guest was asked to let go of.
    asked: Vec<String>,
    end: Option<VmEnd>,
    console: Vec<u8>,
}

impl FakeVmHost {
    pub(crate) fn new(faults: Faults) -> Self {
        Self { faults, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Ids of the instances whose machines run.
    pub fn running(&self) -> Vec<InstanceId> {
        self.state().vms.iter().filter(|(_, vm)| vm.end.is_none()).map(|(id, _)| id.clone()).collect()
    }

    /// Ids of the instances that have a run directory.
    pub fn directories(&self) -> Vec<InstanceId> {
        self.state().vms.keys().cloned().collect()
    }

    /// How many machines were ever started.
    pub fn starts(&self) -> u32 {
        self.state().starts
    }

    /// Looks at the spec that a machine was started with.
    pub fn with_spec<T>(&self, id: &InstanceId, look: impl FnOnce(&VmSpec) -> T) -> Option<T> {
        self.state().vms.get(id).map(|vm| look(&vm.spec))
    }

    /// Guests have an agent from now on: a real one, which acts on the machine that the test runs on.
    pub fn have_agents(&self) {
        self.state().agents = true;
    }

    /// Guests have an agent from now on that says it did what it was asked, and does nothing.
    pub fn have_tame_agents(&self) {
        self.state().tame_agents = true;
    }

    /// What tame agents were told to become.
    pub fn identities(&self) -> Vec<Identity> {
        self.state().identities.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Guests ignore their power button from now on.
    pub fn be_deaf(&self) {
        self.state().deaf = true;
    }

    /// Guests do not let go of devices when asked, or do again.
    pub fn hold_on(&self, yes: bool) {
        let mut state = self.state();
        state.holds_on = yes;
        if !yes {
            for vm in state.vms.values_mut() {
                let asked = std::mem::take(&mut vm.asked);
                vm.devices.retain(|device| !asked.contains(device));
            }
        }
    }

    /// Whether a guest was asked to let go of a device that it has still.
    pub fn was_asked(&self, id: &InstanceId, device: &str) -> bool {
        self.state().vms.get(id).is_some_and(|vm| vm.asked.iter().any(|asked| asked == device))
    }

    /// The disks that were made bigger in their machines.
    pub fn resizes(&self) -> Vec<(VolumeId, Gib)> {
        self.state().resizes.clone()
    }

    /// The devices of a machine.
    pub fn devices_of(&self, id: &InstanceId) -> Vec<String> {
        self.state().vms.get(id).map(|vm| vm.devices.clone()).unwrap_or_default()
    }

    /// A machine ends by itself. Nobody hears of it while no daemon is there.
    pub fn end(&self, id: &InstanceId, end: VmEnd) {
        let mut state = self.state();
        let Some(vm) = state.vms.get_mut(id).filter(|vm| vm.end.is_none()) else { return };
        vm.end = Some(end.clone());
        let event = VmEvent { instance_id: id.clone(), launch_id: vm.spec.launch_id.clone(), end };
        if let Some(events) = &state.events {
            // A receiver that is gone belongs to a daemon that is gone.
            let _gone = events.send(event);
        }
    }
}

impl State {
    fn running(&mut self, id: &InstanceId) -> PortResult<&mut Vm> {
        let vm = self.vms.get_mut(id).filter(|vm| vm.end.is_none());
        vm.ok_or_else(|| PortError::plain("there is no such machine"))
    }
}

impl FakeVmHost {
    fn plug(&self, id: &InstanceId, device: &str) -> PortResult<()> {
        let mut state = self.state();
        let vm = state.running(id)?;
        if !vm.devices.iter().any(|known| known == device) {
            vm.devices.push(device.to_owned());
        }
        Ok(())
    }
}

#[async_trait]
impl VmHost for FakeVmHost {
    async fn recover(&self, events: mpsc::UnboundedSender<VmEvent>) -> PortResult<Vec<FoundVm>> {
        let mut state = self.state();
        state.events = Some(events);
        let found = state.vms.iter().map(|(id, vm)| FoundVm {
            instance_id: id.clone(),
            launch_id: vm.spec.launch_id.clone(),
            state: vm.end.clone().map_or(FoundState::Running, FoundState::Ended),
        });
        Ok(found.collect())
    }

    async fn start(&self, spec: VmSpec) -> PortResult<()> {
        self.faults.pass("vms.start")?;
        let mut state = self.state();
        if state.vms.get(&spec.instance_id).is_some_and(|vm| vm.end.is_none()) {
            return Err(PortError::plain("the machine runs already"));
        }
        state.starts += 1;
        let console = b"hello from the fake machine\n".to_vec();
        let disks = spec.disks.iter().map(|disk| disk.volume_id.to_string());
        let devices = disks.chain(spec.interfaces.iter().map(|net| net.id.to_string())).collect();
        let vm = Vm { devices, asked: Vec::new(), spec, end: None, console };
        state.vms.insert(vm.spec.instance_id.clone(), vm);
        Ok(())
    }

    async fn power_button(&self, id: &InstanceId) -> PortResult<()> {
        self.faults.pass("vms.power_button")?;
        if !self.state().deaf {
            self.end(id, VmEnd::Recorded(ExitReason::GuestPoweroff { after_power_button: true }));
        }
        Ok(())
    }

    async fn kill(&self, id: &InstanceId) -> PortResult<()> {
        self.faults.pass("vms.kill")?;
        self.end(id, VmEnd::Recorded(ExitReason::Killed));
        Ok(())
    }

    async fn is_running(&self, id: &InstanceId) -> bool {
        self.state().vms.get(id).is_some_and(|vm| vm.end.is_none())
    }

    async fn console(
        &self,
        id: &InstanceId,
        offset: Option<u64>,
        max: u32,
        _wait: bool,
    ) -> PortResult<ConsoleChunk> {
        let state = self.state();
        let vm = state.vms.get(id).ok_or_else(|| PortError::plain("there is no such machine"))?;
        let length = vm.console.len();
        let from = match offset {
            Some(offset) => usize::try_from(offset).unwrap_or(length).min(length),
            None => length.saturating_sub(max as usize),
        };
        let data: Vec<u8> = vm.console[from..].iter().copied().take(max as usize).collect();
        Ok(ConsoleChunk { offset: from as u64, end: length as u64, data })
    }

    async fn console_write(&self, id: &InstanceId, data: &[u8]) -> PortResult<u64> {
        let mut state = self.state();
        let vm = state.vms.get_mut(id).ok_or_else(|| PortError::plain("there is no such machine"))?;
        // A terminal that echoes.
        vm.console.extend_from_slice(data);
        Ok(data.len() as u64)
    }

    async fn fork(&self, id: &InstanceId, _disks: Vec<(VolumeId, DiskChain)>) -> PortResult<MachineBase> {
        self.faults.pass("vms.fork")?;
        if !self.is_running(id).await {
            return Err(PortError::plain(format!("{id} does not run")));
        }
        let nothing = || std::fs::File::open("/dev/null").map(|file| Arc::new(file.into()));
        let nothing = || nothing().map_err(|error| PortError::new("no /dev/null", error));
        Ok(MachineBase { state: nothing()?, memory: nothing()? })
    }

    async fn swap_disks(&self, id: &InstanceId, _disks: Vec<(VolumeId, DiskChain)>) -> PortResult<()> {
        self.faults.pass("vms.swap_disks")?;
        self.state().running(id).map(drop)
    }

    async fn attach_disk(&self, id: &InstanceId, disk: VmDisk) -> PortResult<()> {
        self.faults.pass("vms.attach_disk")?;
        self.plug(id, disk.volume_id.as_str())
    }

    async fn attach_interface(&self, id: &InstanceId, interface: VmInterface) -> PortResult<()> {
        self.faults.pass("vms.attach_interface")?;
        self.plug(id, interface.id.as_str())
    }

    async fn detach(&self, id: &InstanceId, device: &str, force: bool) -> PortResult<()> {
        self.faults.pass("vms.detach")?;
        let mut state = self.state();
        let holds_on = state.holds_on && !force;
        let vm = state.running(id)?;
        if holds_on {
            vm.asked.push(device.to_owned());
        } else {
            vm.devices.retain(|known| known != device);
        }
        Ok(())
    }

    async fn devices(&self, id: &InstanceId) -> PortResult<Vec<String>> {
        self.faults.pass("vms.devices")?;
        Ok(self.state().running(id)?.devices.clone())
    }

    async fn resize_disk(&self, id: &InstanceId, volume: &VolumeId, size: Gib) -> PortResult<()> {
        self.faults.pass("vms.resize_disk")?;
        let mut state = self.state();
        if !state.running(id)?.devices.iter().any(|device| device == volume.as_str()) {
            return Err(PortError::plain("there is no such disk"));
        }
        state.resizes.push((volume.clone(), size));
        Ok(())
    }

    async fn set_limits(&self, id: &InstanceId, _device: &str, _limits: Limits) -> PortResult<()> {
        self.faults.pass("vms.set_limits")?;
        self.state().running(id).map(drop)
    }

    async fn set_memory(&self, id: &InstanceId, _memory: Mib) -> PortResult<()> {
        self.faults.pass("vms.set_memory")?;
        self.state().running(id).map(drop)
    }

    async fn connect_guest(&self, id: &InstanceId, port: u32) -> PortResult<Option<BoxedGuestStream>> {
        self.faults.pass("vms.connect_guest")?;
        let mut state = self.state();
        state.running(id)?;
        if state.tame_agents {
            return Ok(Some(Box::new(tame_agent(state.identities.clone()))));
        }
        if !state.agents || port != 1024 {
            return Ok(None);
        }
        let failed = |error| PortError::new("no socket pair", error);
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(failed)?;
        std::thread::spawn(move || cumulet_agent::serve(theirs));
        ours.set_nonblocking(true).map_err(failed)?;
        let stream = tokio::net::UnixStream::from_std(ours).map_err(failed)?;
        Ok(Some(Box::new(stream)))
    }

    async fn metrics(&self, id: &InstanceId) -> PortResult<Metrics> {
        match self.is_running(id).await {
            true => Ok(Metrics::default()),
            false => Err(PortError::plain("there is no such machine")),
        }
    }

    async fn forget(&self, id: &InstanceId) -> PortResult<()> {
        self.faults.pass("vms.forget")?;
        self.state().vms.remove(id);
        Ok(())
    }
}
