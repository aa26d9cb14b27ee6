//! Network interface (virtio 1.2, 5.1) on a tap. Checksum and segmentation offloads pass through the tap's virtio-net
//! header, so frames of up to 64 KiB cross in one piece.
//!
//! The event loop serves the first pair of queues. Where there are more, each has a thread of its own: several pairs in
//! one thread would win nothing. The tap has a queue for each pair, and spreads what comes in over those that the driver
//! uses. Taking a queue out of use lasts as long as the host's RCU wants, so one that the driver does not use yet stays in
//! use until a frame comes to it: most drivers use all before that. The limits are those of all pairs together.

mod active;
mod config;
mod control;
mod pair;
mod state;
mod tap;
#[cfg(test)]
mod tests;
mod worker;

pub use config::NetConfig;
pub use tap::{Tap, TapError};
pub use worker::spawn;

use crate::event_loop::{EventSource, Interest};
use crate::limits::Shared;
use crate::snapshot::part::PartError;
use crate::virtio::queue::Progress;
use crate::virtio::{Activation, DeviceKind, F_COMMON, VirtioDevice, read_config_bytes};
use active::Active;
use control::Control;
use cumulet_vmm_protocol::Limits;
use cumulet_vmm_protocol::metrics::NetMetrics;
use pair::{Pair, RX, TX};
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
    pub const CTRL_VQ: u64 = 1 << 17;
    pub const MQ: u64 = 1 << 22;
}

/// Largest size of a queue for frames.
const FRAMES: u16 = 256;
/// Of the control queue.
const COMMANDS: u16 = 64;
/// Number of the control queue's notification among what the event loop waits for, where there is one.
const CONTROL: usize = 0;

/// An interface of the machine. Its limits outlive a reset, so that a guest gains nothing by one.
#[derive(Debug)]
pub struct Net {
    config: NetConfig,
    queue_sizes: Vec<u16>,
    /// Two for each pair, and one for the control queue where there are several.
    kicks: Vec<EventFd>,
    pairs: Vec<Pair>,
    control: Mutex<Control>,
    limiters: [Shared; 2],
    counters: Counters,
    /// Whether the network has to learn where it is, after a restore.
    announces: AtomicBool,
    /// Whether it is off the bus.
    retired: AtomicBool,
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
    /// An interface on the opened queues of a tap.
    pub fn new(config: NetConfig, taps: Vec<Tap>) -> io::Result<Self> {
        let mut queue_sizes = vec![FRAMES; 2 * taps.len()];
        queue_sizes.extend((taps.len() > 1).then_some(COMMANDS));
        let kicks = queue_sizes.iter().map(|_| EventFd::new(EFD_CLOEXEC | EFD_NONBLOCK));
        Ok(Self {
            kicks: kicks.collect::<io::Result<_>>()?,
            queue_sizes,
            pairs: taps.into_iter().map(Pair::new).collect::<io::Result<_>>()?,
            control: Mutex::default(),
            limiters: [Shared::new(&config.limits), Shared::new(&config.limits)],
            counters: Counters::default(),
            announces: AtomicBool::new(false),
            retired: AtomicBool::new(false),
            config,
        })
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.config.id
    }

    /// Closes the tap; the guest's frames are lost from then on. It is in no event loop but those of its own threads.
    pub fn sever(&self) {
        for (index, pair) in self.pairs.iter().enumerate() {
            if index > 0 {
                // Whoever has the same open file gets nothing more from it. It is closed now anyway.
                let _ = pair.set_in_use(false);
            }
            pair.lock().tap = None;
        }
    }

    fn is_severed(&self) -> bool {
        self.pairs[0].lock().tap.is_none()
    }

    /// Changes how much each direction may do.
    pub fn set_limits(&self, limits: &Limits) {
        self.limiters.iter().for_each(|limiter| limiter.set(limits));
        // What waits may have waited enough.
        self.pairs.iter().for_each(|pair| pair.timer.set(Duration::ZERO));
    }

    /// Has the tap use the queues of the first `count` of several pairs, and no others.
    fn use_pairs(&self, count: usize) -> io::Result<()> {
        let mut further = self.pairs.iter().enumerate().skip(1);
        further.try_for_each(|(index, pair)| pair.set_in_use(index < count))
    }

    fn pairs_in_use(&self) -> usize {
        self.control().pairs
    }

    fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().expect("no thread panicked")
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
            queue_pairs: self.pairs_in_use() as u64,
        }
    }
}

impl EventSource for Net {
    fn descriptors(&self) -> Vec<(RawFd, Interest)> {
        let control = (self.pairs.len() > 1).then(|| &self.kicks[2 * self.pairs.len()]);
        let control = control.map(|kick| (kick.as_raw_fd(), Interest::Readable));
        control.into_iter().chain(self.descriptors_of(0)).collect()
    }

    fn ready(&self, which: usize) {
        match self.pairs.len() {
            1 => self.ready_of(0, which),
            pairs if which == CONTROL => self.serve_control(2 * pairs),
            _ => self.ready_of(0, which - 1),
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
        let several = if self.pairs.len() > 1 { CTRL_VQ | MQ } else { 0 };
        F_COMMON | MAC | STATUS | MRG_RXBUF | offloads | mtu | several
    }

    fn queue_sizes(&self) -> &[u16] {
        &self.queue_sizes
    }

    fn kicks(&self) -> &[EventFd] {
        &self.kicks
    }

    fn read_config(&self, offset: usize, data: &mut [u8]) {
        read_config_bytes(&self.config.space(), offset, data);
    }

    fn activate(&self, activation: Activation) {
        let Activation { memory, mut queues, features, interrupt } = activation;
        let mut control = self.control();
        let several = features & features::MQ != 0;
        if let Some(place) = control::place(features, self.pairs.len()) {
            let queue = queues.get_mut(place).and_then(Option::take);
            control.activate(queue, place, several, &memory, &interrupt);
        }
        let known = if several { self.pairs.len() } else { 1 };
        for (index, pair) in self.pairs.iter().enumerate().take(known) {
            let mut take = |queue: usize| queues.get_mut(queue).and_then(Option::take);
            let pair_queues = [take(2 * index + RX), take(2 * index + TX)];
            let mut work = pair.lock();
            // Refused only by kernels older than the offloads; frames then come without.
            let _ = work.tap.as_ref().filter(|_| index == 0).map(|tap| tap.set_offloads(features));
            let interrupt = interrupt.clone();
            work.active = Some(Active::new(pair_queues, 2 * index, memory.clone(), features, interrupt));
        }
        control.pairs = std::mem::replace(&mut control.restored, 1);
        if self.pairs.len() > 1 && !several {
            // The others get no frames then; the tap gives them to the first.
            let _ = self.use_pairs(1);
        }
    }

    fn reset(&self) {
        *self.control() = Control::default();
        for pair in &self.pairs {
            let mut work = pair.lock();
            work.active = None;
            let _ = work.tap.as_ref().map(|tap| tap.set_offloads(0));
        }
    }

    fn name(&self) -> String {
        let detached = if self.is_severed() { "detached " } else { "" };
        format!("{detached}interface {}", self.config.id)
    }

    fn progress(&self) -> Option<Vec<Option<Progress>>> {
        let mut progress: Vec<_> = self.pairs.iter().flat_map(Pair::progress).collect();
        progress.resize(self.queue_sizes.len(), None);
        if let Some((index, control)) = self.control().progress() {
            progress[index] = control;
        }
        Some(progress)
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
