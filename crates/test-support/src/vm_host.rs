//! Machines without a KVM: they power off when their button is pressed, and end as a test tells them to. They live on
//! when the daemon that started them is gone.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use cumulet_model::InstanceId;
use cumulet_ports::vm_host::{FoundState, FoundVm, VmEnd, VmEvent, VmSpec};
use cumulet_ports::{PortError, PortResult, VmHost};
use cumulet_vmm_protocol::{ConsoleChunk, ExitReason, Metrics};
use tokio::sync::mpsc;

use crate::Faults;

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
}

struct Vm {
    spec: VmSpec,
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

    /// Guests ignore their power button from now on.
    pub fn be_deaf(&self) {
        self.state().deaf = true;
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
        state.vms.insert(spec.instance_id.clone(), Vm { spec, end: None, console });
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
