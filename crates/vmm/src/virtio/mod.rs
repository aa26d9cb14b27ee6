//! Virtio 1.2: what a device is to its transport, and how queues are walked without trusting the guest.

pub mod buffers;
mod interrupt;
pub mod queue;
#[cfg(test)]
pub mod testing;
mod transport;

pub use buffers::{Buffers, ChainError};
pub use interrupt::Interrupt;
pub use transport::{BAR_SIZE, TransportConfig, VirtioPci};

use crate::memory::Memory;
use crate::snapshot::part::PartError;
use queue::Progress;
use serde_json::Value;
use std::fmt::Debug;
use std::sync::Arc;
use virtio_queue::Queue;
use vmm_sys_util::eventfd::EventFd;

/// `VIRTIO_F_VERSION_1`: the device is not a legacy one.
pub const F_VERSION_1: u64 = 1 << 32;
/// `VIRTIO_F_RING_INDIRECT_DESC`.
pub const F_INDIRECT: u64 = 1 << 28;
/// `VIRTIO_F_RING_EVENT_IDX`.
pub const F_EVENT_IDX: u64 = 1 << 29;
/// What every device here offers.
pub const F_COMMON: u64 = F_VERSION_1 | F_INDIRECT | F_EVENT_IDX;

/// Kinds of devices (virtio 1.2, section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum DeviceKind {
    /// Network interface.
    Net = 1,
    /// Disk.
    Block = 2,
    /// Entropy.
    Entropy = 4,
    /// Balloon.
    Balloon = 5,
    /// Sockets between host and guest.
    Vsock = 19,
    /// Memory that comes and goes.
    Mem = 24,
}

/// A virtio device behind its transport. Called from any vCPU's thread.
pub trait VirtioDevice: Send + Sync + Debug {
    /// What it is.
    fn kind(&self) -> DeviceKind;
    /// The features it offers.
    fn features(&self) -> u64;
    /// The largest size of each of its queues, powers of two.
    fn queue_sizes(&self) -> &[u16];
    /// For each queue what the guest's notification writes to.
    fn kicks(&self) -> &[EventFd];
    /// Reads its configuration; beyond its end all is 0.
    fn read_config(&self, offset: usize, data: &mut [u8]);
    /// Writes its configuration, of which most devices have nothing that can be written.
    fn write_config(&self, _offset: usize, _data: &[u8]) {}
    /// The driver is ready: begin to work.
    fn activate(&self, activation: Activation);
    /// The driver takes the device back: when this returns, no queue is touched any more.
    fn reset(&self);

    /// Its name in the machine, for what is saved: what it is and, where there can be several, its id.
    fn name(&self) -> String {
        format!("{:?}", self.kind()).to_lowercase()
    }
    /// How far each of its queues has been worked off, while the machine is paused; nothing for a queue that it does
    /// not use. Nothing at all if it can't be saved while it is in use.
    fn progress(&self) -> Option<Vec<Option<Progress>>> {
        None
    }
    /// What it has to save besides its queues.
    fn save(&self) -> Result<Value, PartError> {
        Ok(Value::Null)
    }
    /// Takes on what was saved, before it is activated; not to be trusted.
    fn restore(&self, _state: Value) -> Result<(), PartError> {
        Ok(())
    }
    /// The restored machine is about to run.
    fn restored(&self) {}
}

/// What an active device works with.
#[derive(Debug)]
pub struct Activation {
    /// Guest memory.
    pub memory: Memory,
    /// Its queues; nothing for one that the driver did not enable.
    pub queues: Vec<Option<Queue>>,
    /// The features that driver and device agreed on.
    pub features: u64,
    /// Tells the driver.
    pub interrupt: Arc<Interrupt>,
}

/// Copies the part of a device's configuration at `offset` that fits `data`, and zeroes behind its end.
pub fn read_config_bytes(config: &[u8], offset: usize, data: &mut [u8]) {
    for (index, byte) in data.iter_mut().enumerate() {
        *byte = config.get(offset + index).copied().unwrap_or(0);
    }
}
