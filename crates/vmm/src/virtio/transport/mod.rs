//! Virtio over PCI (virtio 1.2, 4.1), modern only: one 64-bit memory BAR with the common registers, ISR, device
//! configuration, notifications, and the MSI-X table. Notifications reach the device's eventfds inside the kernel.

mod common;
mod layout;
mod state;

pub use common::{CommonConfig, Effect, QueueSetup};

use super::queue::Progress;
use super::{Activation, DeviceKind, Interrupt, VirtioDevice};
use crate::machine::MachineState;
use crate::memory::Memory;
use crate::pci::{ConfigSpace, Identification, MsiSink, PciDevice};
use kvm_ioctls::{IoEventAddress, NoDatamatch, VmFd};
use std::sync::{Arc, Mutex};
use virtio_queue::{Queue, QueueT};
use vm_memory::GuestAddress;

/// What all transports of a machine share.
#[derive(Debug, Clone)]
pub struct TransportConfig {
    /// The machine, for notifications.
    pub vm: Arc<VmFd>,
    /// Guest memory.
    pub memory: Memory,
    /// Takes interrupts.
    pub sink: Arc<dyn MsiSink>,
    /// The machine's state.
    pub machine: Arc<MachineState>,
}

/// A virtio device on the PCI bus.
#[derive(Debug)]
pub struct VirtioPci {
    device: Arc<dyn VirtioDevice>,
    interrupt: Arc<Interrupt>,
    shared: TransportConfig,
    places: layout::Places,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    config: ConfigSpace,
    common: CommonConfig,
    /// Where notifications are registered with KVM.
    notified_at: Option<u64>,
    /// It is off the bus.
    unplugged: bool,
}

/// Bytes of the BAR.
pub const BAR_SIZE: u64 = layout::BAR_SIZE;

impl VirtioPci {
    /// Puts `device` behind a BAR at `bar`, or behind one that the guest has yet to place.
    pub fn new(device: Arc<dyn VirtioDevice>, shared: TransportConfig, bar: Option<u64>) -> Self {
        let interrupt = Arc::new(Interrupt::new(device.queue_sizes().len(), shared.sink.clone()));
        let mut config = ConfigSpace::new(identification(device.kind()));
        config.set_bar(BAR_SIZE, bar.unwrap_or(0), bar.is_some());
        let places = layout::add_capabilities(&mut config, interrupt.vectors());
        let common = CommonConfig::new(device.features(), device.queue_sizes());
        let state = Mutex::new(State { config, common, notified_at: None, unplugged: false });
        let transport = Self { device, interrupt, shared, places, state };
        transport.follow_bar(&mut transport.lock());
        transport
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no thread panicked")
    }

    /// Registers notifications where the BAR is. A kernel turns decoding off and on again to size the BAR: that
    /// changes nothing, since each change is slow in KVM.
    fn follow_bar(&self, state: &mut State) {
        let Some((bar, _)) = state.config.bar() else { return };
        if state.notified_at != Some(bar) && !state.unplugged {
            self.register_notifications(state, Some(bar));
        }
    }

    fn register_notifications(&self, state: &mut State, bar: Option<u64>) {
        for (queue, kick) in self.device.kicks().iter().enumerate() {
            let address =
                |bar: u64| IoEventAddress::Mmio(bar + layout::NOTIFY + queue as u64 * layout::NOTIFY_STEP);
            if let Some(old) = state.notified_at {
                let _ = self.shared.vm.unregister_ioevent(kick, &address(old), NoDatamatch);
            }
            // Where KVM refuses, the access comes to `bar_write`, which does the same, only slower.
            if let Some(new) = bar {
                let _ = self.shared.vm.register_ioevent(kick, &address(new), NoDatamatch);
            }
        }
        state.notified_at = bar;
    }

    fn common_write(&self, offset: usize, data: &[u8]) {
        let mut state = self.lock();
        if state.unplugged {
            return;
        }
        match state.common.write(offset, data, self.interrupt.vectors()) {
            Effect::None => {}
            Effect::ConfigVector(vector) => self.interrupt.set_config_vector(vector),
            Effect::QueueVector(queue, vector) => self.interrupt.set_queue_vector(queue, vector),
            Effect::Reset => {
                self.device.reset();
                state.common.reset();
                self.interrupt.clear();
            }
            Effect::Activate => self.activate(&state.common, &[]),
        }
    }

    /// Hands the queues to the device. Those of a restored one stand where `progress` says.
    fn activate(&self, common: &CommonConfig, progress: &[Option<Progress>]) {
        let mut queues: Vec<Option<Queue>> = common
            .queues()
            .iter()
            .map(|setup| queue(setup, common.features(), &self.shared.memory))
            .collect();
        self.shared.machine.note_driver();
        let wanted = common.queues().iter().filter(|setup| setup.enabled).count();
        if queues.iter().flatten().count() < wanted {
            // Rings outside of memory or misaligned: the device can't work with them.
            return self.interrupt.broken();
        }
        for (queue, progress) in queues.iter_mut().zip(progress) {
            match (&mut *queue, progress) {
                (Some(queue), Some(progress)) => progress.apply(queue),
                // The device had stopped using it.
                _ => *queue = None,
            }
        }
        self.device.activate(Activation {
            memory: self.shared.memory.clone(),
            queues,
            features: common.features(),
            interrupt: self.interrupt.clone(),
        });
        // What was made available before the device worked was notified too early.
        self.device.kicks().iter().for_each(|kick| drop(kick.write(1)));
    }

    fn common_read(&self, offset: usize, data: &mut [u8]) {
        self.lock().common.read(offset, data);
        if offset == 0x15 {
            data[0] = self.interrupt.generation();
        }
        if offset == 0x14 && self.interrupt.needs_reset() {
            data[0] |= common::status::NEEDS_RESET;
        }
    }

    fn notify(&self, offset: u64) {
        if let Some(kick) = self.device.kicks().get((offset / layout::NOTIFY_STEP) as usize) {
            // A full counter means that the device has been told already.
            let _ = kick.write(1);
        }
    }

    /// The access to the BAR that the capability `VIRTIO_PCI_CAP_PCI_CFG` describes, if `offset` is its data.
    fn window_access(&self, offset: usize, length: usize) -> Option<u64> {
        let state = self.lock();
        let capability = self.places.window;
        let target = u32::from_le_bytes(state.config.get(capability + 8));
        let wanted = u32::from_le_bytes(state.config.get(capability + 12)) as usize;
        (offset == capability + 16 && wanted == length && u64::from(target) < BAR_SIZE)
            .then_some(u64::from(target))
    }
}

impl PciDevice for VirtioPci {
    fn name(&self) -> String {
        self.device.name()
    }

    fn unplugged(&self) {
        let mut state = self.lock();
        state.unplugged = true;
        self.register_notifications(&mut state, None);
        self.device.reset();
        self.interrupt.clear();
    }

    fn config_read(&self, offset: usize, data: &mut [u8]) {
        match self.window_access(offset, data.len()) {
            Some(target) => self.bar_read(target, data),
            None => self.lock().config.read(offset, data),
        }
    }

    fn config_write(&self, offset: usize, data: &[u8]) {
        if let Some(target) = self.window_access(offset, data.len()) {
            return self.bar_write(target, data);
        }
        let mut state = self.lock();
        state.config.write(offset, data);
        self.follow_bar(&mut state);
        if offset < self.places.msix + 4 && self.places.msix + 2 < offset + data.len() {
            let control = u16::from_le_bytes(state.config.get(self.places.msix + 2));
            self.interrupt.with_table(|table| table.set_control(control));
        }
    }

    fn bar(&self) -> Option<(u64, u64)> {
        self.lock().config.bar()
    }

    fn bar_read(&self, offset: u64, data: &mut [u8]) {
        data.fill(0);
        match offset {
            layout::COMMON..layout::ISR => self.common_read((offset - layout::COMMON) as usize, data),
            layout::ISR => data[0] = self.interrupt.take_isr(),
            layout::DEVICE..layout::NOTIFY => {
                self.device.read_config((offset - layout::DEVICE) as usize, data)
            }
            layout::MSIX_TABLE..layout::MSIX_PENDING => self.interrupt.with_table(|table| {
                table.read(offset - layout::MSIX_TABLE, data);
                None
            }),
            layout::MSIX_PENDING..BAR_SIZE => self.interrupt.with_table(|table| {
                table.read_pending(offset - layout::MSIX_PENDING, data);
                None
            }),
            _ => {}
        }
    }

    fn bar_write(&self, offset: u64, data: &[u8]) {
        match offset {
            layout::COMMON..layout::ISR => self.common_write((offset - layout::COMMON) as usize, data),
            layout::NOTIFY..layout::MSIX_TABLE => self.notify(offset - layout::NOTIFY),
            layout::MSIX_TABLE..layout::MSIX_PENDING => {
                self.interrupt.with_table(|table| table.write(offset - layout::MSIX_TABLE, data));
            }
            layout::DEVICE..layout::NOTIFY => {
                self.device.write_config((offset - layout::DEVICE) as usize, data);
            }
            _ => {}
        }
    }
}

/// Vendor, device and class (virtio 1.2, 4.1.2).
fn identification(kind: DeviceKind) -> Identification {
    const VENDOR: u16 = 0x1af4;
    let class = match kind {
        DeviceKind::Net => 0x02_0000,
        DeviceKind::Block => 0x01_8000,
        DeviceKind::Entropy | DeviceKind::Balloon | DeviceKind::Mem => 0xff_0000,
        DeviceKind::Vsock => 0x07_8000,
    };
    let device = 0x1040 + kind as u16;
    Identification { vendor: VENDOR, device, class, revision: 1, subsystem: (VENDOR, device) }
}

/// The queue as it was set up; nothing if it is not enabled or its rings are not in memory.
fn queue(setup: &QueueSetup, features: u64, memory: &Memory) -> Option<Queue> {
    if !setup.enabled {
        return None;
    }
    let mut queue = Queue::new(setup.max).ok()?;
    queue.try_set_size(setup.size).ok()?;
    queue.try_set_desc_table_address(GuestAddress(setup.descriptors)).ok()?;
    queue.try_set_avail_ring_address(GuestAddress(setup.driver)).ok()?;
    queue.try_set_used_ring_address(GuestAddress(setup.device)).ok()?;
    queue.set_event_idx(features & super::F_EVENT_IDX != 0);
    queue.set_ready(true);
    queue.is_valid(memory).then_some(queue)
}
