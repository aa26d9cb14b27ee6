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
    /// Sockets between host and guest.
    Vsock = 19,
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
    /// The driver is ready: begin to work.
    fn activate(&self, activation: Activation);
    /// The driver takes the device back: when this returns, no queue is touched any more.
    fn reset(&self);
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
