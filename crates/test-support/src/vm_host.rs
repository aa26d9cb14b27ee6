//! Machines without a KVM: they power off when their button is pressed, and end as a test tells them to. They live on
//! when the daemon that started them is gone.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use cumulet_agent_client::protocol::Identity;
use cumulet_model::{Gib, InstanceId, Mib, VolumeId};
use cumulet_ports::storage::{DiskChain, SavingFiles};
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
    /// How often machines have begun to run, or to run again.
    moments: u64,
    /// The moment at which each instance's disks were last written to.
    disks: BTreeMap<InstanceId, u64>,
    /// Machines that ran with a memory that was not of their disks' last moment.
    torn: Vec<InstanceId>,
    cpu_time: Duration,
}

struct Vm {
    spec: VmSpec,
    /// Ids of disks and interfaces.
    devices: Vec<String>,
    /// Devices that the guest was asked to let go of.
    asked: Vec<String>,
    end: Option<VmEnd>,
    console: Vec<u8>,
    paused: bool,
    /// The moment that its memory is of, when it was restored and has not run.
    restored: Option<u64>,
    cpu_limit: Option<u32>,
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

    /// Ids of the instances whose machines stand still.
    pub fn paused(&self) -> Vec<InstanceId> {
        let state = self.state();
        let paused = state.vms.iter().filter(|(_, vm)| vm.end.is_none() && vm.paused);
        paused.map(|(id, _)| id.clone()).collect()
    }

    /// Machines that ran with a memory that was not of their disks' last moment: of which nothing good can come.
    pub fn torn(&self) -> Vec<InstanceId> {
        self.state().torn.clone()
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

    /// Each machine has used this much processor time.
    pub fn has_used(&self, time: Duration) {
        self.state().cpu_time = time;
    }

    /// What a machine is held to, in thousandths of a processor.
    pub fn cpu_limit(&self, id: &InstanceId) -> Option<u32> {
        self.state().vms.get(id)?.cpu_limit
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

impl State {
    /// A machine runs, and writes to its disks.
    fn run(&mut self, id: &InstanceId) {
        let Some(vm) = self.vms.get_mut(id) else { return };
        vm.paused = false;
        if let Some(moment) = vm.restored.take()
            && self.disks.get(id) != Some(&moment)
        {
            self.torn.push(id.clone());
        }
        self.moments += 1;
        self.disks.insert(id.clone(), self.moments);
    }
}

/// The moment that a saved machine is of; none in the base of a fork.
fn moment_of(base: &MachineBase) -> Option<u64> {
    let file = File::from(base.state.try_clone().ok()?);
    let mut bytes = [0; 8];
    file.read_exact_at(&mut bytes, 0).ok()?;
    Some(u64::from_le_bytes(bytes))
}

impl FakeVmHost {
    fn begin(&self, spec: VmSpec) -> PortResult<()> {
        let mut state = self.state();
        if state.vms.get(&spec.instance_id).is_some_and(|vm| vm.end.is_none()) {
            return Err(PortError::plain("the machine runs already"));
        }
        state.starts += 1;
        let console = b"hello from the fake machine\n".to_vec();
        let disks = spec.disks.iter().map(|disk| disk.volume_id.to_string());
        let devices = disks.chain(spec.interfaces.iter().map(|net| net.id.to_string())).collect();
        let paused = spec.base.as_ref().is_some_and(|base| base.paused);
        let restored = spec.base.as_ref().and_then(|base| moment_of(&base.machine));
        let vm =
            Vm { devices, asked: Vec::new(), spec, end: None, console, paused, restored, cpu_limit: None };
        let id = vm.spec.instance_id.clone();
        state.vms.insert(id.clone(), vm);
        if !paused {
            state.run(&id);
        }
        Ok(())
    }

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
            state: match &vm.end {
                Some(end) => FoundState::Ended(end.clone()),
                None if vm.paused => FoundState::Paused,
                None => FoundState::Running,
            },
        });
        Ok(found.collect())
    }

    async fn start(&self, spec: VmSpec) -> PortResult<()> {
        self.faults.pass("vms.start").await?;
        self.begin(spec)?;
        self.faults.done("vms.start").await;
        Ok(())
    }

    async fn power_button(&self, id: &InstanceId) -> PortResult<()> {
        self.faults.pass("vms.power_button").await?;
        let hears = {
            let state = self.state();
            !state.deaf && !state.vms.get(id).is_some_and(|vm| vm.paused)
        };
        if hears {
            self.end(id, VmEnd::Recorded(ExitReason::GuestPoweroff { after_power_button: true }));
        }
        Ok(())
    }

    async fn kill(&self, id: &InstanceId) -> PortResult<()> {
        self.faults.pass("vms.kill").await?;
        self.end(id, VmEnd::Recorded(ExitReason::Killed));
        self.faults.done("vms.kill").await;
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
        self.faults.pass("vms.fork").await?;
        if !self.is_running(id).await {
            return Err(PortError::plain(format!("{id} does not run")));
        }
        let nothing = || std::fs::File::open("/dev/null").map(|file| Arc::new(file.into()));
        let nothing = || nothing().map_err(|error| PortError::new("no /dev/null", error));
        Ok(MachineBase { state: nothing()?, memory: nothing()?, touched: Default::default() })
    }

    async fn save(&self, id: &InstanceId, files: SavingFiles) -> PortResult<()> {
        self.state().running(id)?;
        self.faults.pass("vms.save").await?;
        let moment = {
            let mut state = self.state();
            state.running(id)?.paused = true;
            state.disks.get(id).copied().unwrap_or_default()
        };
        let written = File::from(files.state).write_all(&moment.to_le_bytes());
        written.map_err(|error| PortError::new("can't write", error))?;
        self.faults.done("vms.save").await;
        Ok(())
    }

    async fn resume(&self, id: &InstanceId) -> PortResult<()> {
        self.faults.pass("vms.resume").await?;
        {
            let mut state = self.state();
            if state.running(id)?.paused {
                state.run(id);
            }
        }
        self.faults.done("vms.resume").await;
        Ok(())
    }

    async fn swap_disks(&self, id: &InstanceId, _disks: Vec<(VolumeId, DiskChain)>) -> PortResult<()> {
        self.faults.pass("vms.swap_disks").await?;
        self.state().running(id).map(drop)
    }

    async fn attach_disk(&self, id: &InstanceId, disk: VmDisk) -> PortResult<()> {
        self.faults.pass("vms.attach_disk").await?;
        self.plug(id, disk.volume_id.as_str())
    }

    async fn attach_interface(&self, id: &InstanceId, interface: VmInterface) -> PortResult<()> {
        self.faults.pass("vms.attach_interface").await?;
        self.plug(id, interface.id.as_str())
    }

    async fn detach(&self, id: &InstanceId, device: &str, force: bool) -> PortResult<()> {
        self.faults.pass("vms.detach").await?;
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
        self.faults.pass("vms.devices").await?;
        Ok(self.state().running(id)?.devices.clone())
    }

    async fn resize_disk(&self, id: &InstanceId, volume: &VolumeId, size: Gib) -> PortResult<()> {
        self.faults.pass("vms.resize_disk").await?;
        let mut state = self.state();
        if !state.running(id)?.devices.iter().any(|device| device == volume.as_str()) {
            return Err(PortError::plain("there is no such disk"));
        }
        state.resizes.push((volume.clone(), size));
        Ok(())
    }

    async fn set_limits(&self, id: &InstanceId, _device: &str, _limits: Limits) -> PortResult<()> {
        self.faults.pass("vms.set_limits").await?;
        self.state().running(id).map(drop)
    }

    async fn set_memory(&self, id: &InstanceId, _memory: Mib) -> PortResult<()> {
        self.faults.pass("vms.set_memory").await?;
        self.state().running(id).map(drop)
    }

    async fn cpu_time(&self, id: &InstanceId) -> PortResult<Duration> {
        // Called by the clock, not by a test: it is no step that a test could count.
        let mut state = self.state();
        state.running(id)?;
        Ok(state.cpu_time)
    }

    async fn limit_cpu(&self, id: &InstanceId, _vcpus: u32, thousandths: Option<u32>) -> PortResult<()> {
        self.state().running(id)?.cpu_limit = thousandths;
        Ok(())
    }

    async fn connect_guest(&self, id: &InstanceId, port: u32) -> PortResult<Option<BoxedGuestStream>> {
        self.faults.pass("vms.connect_guest").await?;
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
        self.faults.pass("vms.forget").await?;
        self.state().vms.remove(id);
        Ok(())
    }
}
