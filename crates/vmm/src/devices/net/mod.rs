//! Network interface (virtio 1.2, 5.1) on a tap. Served by the event loop. Checksum and segmentation offloads pass
//! through the tap's virtio-net header, so frames of up to 64 KiB cross in one piece.

mod active;
mod config;
mod state;
mod tap;
#[cfg(test)]
mod tests;

pub use config::NetConfig;
pub use tap::{Tap, TapError};

use crate::event_loop::{EventSource, Interest, Timer};
use crate::limits::Limiter;
use crate::snapshot::part::PartError;
use crate::virtio::queue::Progress;
use crate::virtio::{Activation, DeviceKind, F_COMMON, VirtioDevice, read_config_bytes};
use active::{Active, Turn};
use cumulet_vmm_protocol::Limits;
use cumulet_vmm_protocol::metrics::NetMetrics;
use serde_json::Value;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;
use vmm_sys_util::eventfd::{EFD_CLOEXEC, EFD_NONBLOCK, EventFd};

mod features {
    //! Feature bits (virtio 1.2, 5.1.3).
    pub const CSUM: u64 = 1 << 0;
    pub const GUEST_CSUM: u64 = 1 << 1;
    pub const MTU: u64 = 1 << 3;
    pub const MAC: u64 = 1 << 5;
    pub const GUEST_TSO4: u64 = 1 << 7;
    pub const GUEST_TSO6: u64 = 1 << 8;
    pub const HOST_TSO4: u64 = 1 << 11;
    pub const HOST_TSO6: u64 = 1 << 12;
    pub const MRG_RXBUF: u64 = 1 << 15;
    pub const STATUS: u64 = 1 << 16;
}

/// Queue on which the guest receives.
const RX: usize = 0;
/// Queue on which the guest sends.
const TX: usize = 1;
/// Numbers of the other descriptors.
const TIMER: usize = 2;
const TAP: usize = 3;
const QUEUE_SIZES: [u16; 2] = [256, 256];

/// An interface of the machine.
#[derive(Debug)]
pub struct Net {
    config: NetConfig,
    kicks: [EventFd; 2],
    work: Mutex<Work>,
    /// Rings when frames that wait for the limits may go on.
    timer: Timer,
    counters: Counters,
    /// Whether the network has to learn where it is, after a restore.
    announces: AtomicBool,
}

/// What an interface works with. Its limits outlive a reset, so that a guest gains nothing by one.
#[derive(Debug)]
struct Work {
    /// Nothing once it was severed: then every frame of the guest is lost.
    tap: Option<Tap>,
    active: Option<Active>,
    limiters: [Limiter; 2],
}

/// Counters, as the guest sees them.
#[derive(Debug, Default)]
struct Counters {
    rx_packets: AtomicU64,
    rx_bytes: AtomicU64,
    rx_dropped: AtomicU64,
    tx_packets: AtomicU64,
    tx_bytes: AtomicU64,
    tx_dropped: AtomicU64,
}

impl Net {
    /// An interface on an opened tap.
    pub fn new(config: NetConfig, tap: Tap) -> io::Result<Self> {
        let kick = || EventFd::new(EFD_CLOEXEC | EFD_NONBLOCK);
        let kicks = [kick()?, kick()?];
        let limiters = [Limiter::new(&config.limits), Limiter::new(&config.limits)];
        Ok(Self {
            config,
            kicks,
            work: Mutex::new(Work { tap: Some(tap), active: None, limiters }),
            timer: Timer::new()?,
            counters: Counters::default(),
            announces: AtomicBool::new(false),
        })
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.config.id
    }

    /// Closes the tap; the guest's frames are lost from then on. It is in no event loop.
    pub fn sever(&self) {
        self.lock().tap = None;
    }

    fn is_severed(&self) -> bool {
        self.lock().tap.is_none()
    }

    /// Changes how much each direction may do.
    pub fn set_limits(&self, limits: &Limits) {
        self.lock().limiters.iter_mut().for_each(|limiter| limiter.set(limits));
        // What waits may have waited enough.
        self.timer.set(Duration::ZERO);
    }

    /// Counters.
    pub fn metrics(&self) -> NetMetrics {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        NetMetrics {
            id: self.config.id.clone(),
            rx_packets: get(&self.counters.rx_packets),
            rx_bytes: get(&self.counters.rx_bytes),
            rx_dropped: get(&self.counters.rx_dropped),
            tx_packets: get(&self.counters.tx_packets),
            tx_bytes: get(&self.counters.tx_bytes),
            tx_dropped: get(&self.counters.tx_dropped),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().expect("no thread panicked")
    }
}

impl EventSource for Net {
    fn descriptors(&self) -> Vec<(RawFd, Interest)> {
        let mut descriptors = vec![
            (self.kicks[RX].as_raw_fd(), Interest::Readable),
            (self.kicks[TX].as_raw_fd(), Interest::Readable),
            (self.timer.as_raw_fd(), Interest::Readable),
        ];
        // Edge-triggered: when the guest has no room, frames stay in the tap until it says that it has.
        descriptors.extend(self.lock().tap.as_ref().map(|tap| (tap.as_raw_fd(), Interest::ReadableEdge)));
        descriptors
    }

    fn ready(&self, which: usize) {
        match which {
            TIMER => self.timer.clear(),
            TAP => {}
            queue => drop(self.kicks[queue].read()),
        }
        let mut work = self.lock();
        let Work { tap, active: Some(active), limiters } = &mut *work else { return };
        let tap = tap.as_ref();
        for queue in [RX, TX] {
            let turn = match (queue, which) {
                (RX, RX | TAP | TIMER) => active.receive(tap, &self.counters, &mut limiters[RX]),
                (TX, TX | TIMER) => active.transmit(tap, &self.counters, &mut limiters[TX]),
                _ => continue,
            };
            match turn {
                Turn::Over => {}
                // More than one turn's worth: the others come first. A full counter means that it is due anyway.
                Turn::More => drop(self.kicks[queue].write(1)),
                Turn::Wait(wait) => self.timer.set(wait),
            }
        }
    }
}

impl VirtioDevice for Net {
    fn kind(&self) -> DeviceKind {
        DeviceKind::Net
    }

    fn features(&self) -> u64 {
        use features::*;
        let mtu = if self.config.mtu.is_some() { MTU } else { 0 };
        let offloads = CSUM | GUEST_CSUM | GUEST_TSO4 | GUEST_TSO6 | HOST_TSO4 | HOST_TSO6;
        F_COMMON | MAC | STATUS | MRG_RXBUF | offloads | mtu
    }

    fn queue_sizes(&self) -> &[u16] {
        &QUEUE_SIZES
    }

    fn kicks(&self) -> &[EventFd] {
        &self.kicks
    }

    fn read_config(&self, offset: usize, data: &mut [u8]) {
        read_config_bytes(&self.config.space(), offset, data);
    }

    fn activate(&self, activation: Activation) {
        // Refused only by kernels older than the offloads; frames then come without.
        let mut work = self.lock();
        let _ = work.tap.as_ref().map(|tap| tap.set_offloads(activation.features));
        work.active = Active::new(activation);
    }

    fn reset(&self) {
        let mut work = self.lock();
        work.active = None;
        let _ = work.tap.as_ref().map(|tap| tap.set_offloads(0));
    }

    fn name(&self) -> String {
        let detached = if self.is_severed() { "detached " } else { "" };
        format!("{detached}interface {}", self.config.id)
    }

    fn progress(&self) -> Option<Vec<Option<Progress>>> {
        Some(self.lock().active.as_ref().map_or_else(|| vec![None; QUEUE_SIZES.len()], Active::progress))
    }

    fn save(&self) -> Result<Value, PartError> {
        state::save(self)
    }

    fn restore(&self, state: Value) -> Result<(), PartError> {
        state::restore(self, state)
    }

    fn restored(&self) {
        state::announce(self);
    }
}
