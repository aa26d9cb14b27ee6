//! Balloon (virtio 1.2, 5.5): the guest gives up as many pages as it is asked for, and reports pages that it does not use
//! at the moment. The host gets both back. Served by the event loop.

mod active;
mod state;
#[cfg(test)]
mod tests;

use crate::event_loop::{EventSource, Interest};
use crate::memory::PAGE;
use crate::snapshot::part::PartError;
use crate::virtio::queue::Progress;
use crate::virtio::{Activation, DeviceKind, F_COMMON, Interrupt, VirtioDevice, read_config_bytes};
use active::Active;
use cumulet_vmm_protocol::metrics::BalloonMetrics;
use serde_json::Value;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use vmm_sys_util::eventfd::{EFD_CLOEXEC, EFD_NONBLOCK, EventFd};

/// The guest may take pages back when it has no others.
const F_DEFLATE_ON_OOM: u64 = 1 << 2;
/// The guest reports free pages.
const F_REPORTING: u64 = 1 << 5;

const INFLATE: usize = 0;
const DEFLATE: usize = 1;
/// The queues of features that are not offered have no numbers.
const REPORTING: usize = 2;
const QUEUE_SIZES: [u16; 3] = [128, 128, 128];
/// Pages in a MiB.
const PAGES: u32 = (1 << 20) / PAGE as u32;

/// The device.
#[derive(Debug)]
pub struct Balloon {
    kicks: [EventFd; 3],
    active: Mutex<Option<(Active, Arc<Interrupt>)>>,
    /// Pages asked for.
    target: AtomicU32,
    /// Pages that the guest says it gave up.
    actual: AtomicU32,
    counters: Counters,
}

/// Bytes given back.
#[derive(Debug, Default)]
struct Counters {
    inflated: AtomicU64,
    reported: AtomicU64,
}

impl Balloon {
    /// An empty balloon.
    pub fn new() -> io::Result<Self> {
        let kick = || EventFd::new(EFD_CLOEXEC | EFD_NONBLOCK);
        Ok(Self {
            kicks: [kick()?, kick()?, kick()?],
            active: Mutex::new(None),
            target: AtomicU32::new(0),
            actual: AtomicU32::new(0),
            counters: Counters::default(),
        })
    }

    /// Asks the guest to give up `mib` MiB in all. It does when it can.
    pub fn set_target(&self, mib: u32) {
        self.target.store(mib.saturating_mul(PAGES), Ordering::SeqCst);
        if let Some((_, interrupt)) = &*self.lock() {
            interrupt.config_changed();
        }
    }

    /// Counters.
    pub fn metrics(&self) -> BalloonMetrics {
        BalloonMetrics {
            target_mib: u64::from(self.target.load(Ordering::Relaxed) / PAGES),
            actual_mib: u64::from(self.actual.load(Ordering::Relaxed) / PAGES),
            inflated_bytes: self.counters.inflated.load(Ordering::Relaxed),
            reported_bytes: self.counters.reported.load(Ordering::Relaxed),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Active, Arc<Interrupt>)>> {
        self.active.lock().expect("no thread panicked")
    }
}

impl EventSource for Balloon {
    fn descriptors(&self) -> Vec<(RawFd, Interest)> {
        self.kicks.iter().map(|kick| (kick.as_raw_fd(), Interest::Readable)).collect()
    }

    fn ready(&self, which: usize) {
        let _ = self.kicks[which].read();
        let mut active = self.lock();
        let Some((active, interrupt)) = &mut *active else { return };
        if active.serve(which, interrupt, &self.counters) {
            // The others come first. A full counter means that it is due anyway.
            let _ = self.kicks[which].write(1);
        }
    }
}

impl VirtioDevice for Balloon {
    fn kind(&self) -> DeviceKind {
        DeviceKind::Balloon
    }

    fn features(&self) -> u64 {
        F_COMMON | F_DEFLATE_ON_OOM | F_REPORTING
    }

    fn queue_sizes(&self) -> &[u16] {
        &QUEUE_SIZES
    }

    fn kicks(&self) -> &[EventFd] {
        &self.kicks
    }

    /// Pages asked for and pages given up (virtio 1.2, 5.5.4).
    fn read_config(&self, offset: usize, data: &mut [u8]) {
        let mut space = [0; 8];
        space[..4].copy_from_slice(&self.target.load(Ordering::SeqCst).to_le_bytes());
        space[4..].copy_from_slice(&self.actual.load(Ordering::SeqCst).to_le_bytes());
        read_config_bytes(&space, offset, data);
    }

    fn write_config(&self, offset: usize, data: &[u8]) {
        if let (4, Ok(data)) = (offset, data.try_into()) {
            self.actual.store(u32::from_le_bytes(data), Ordering::SeqCst);
        }
    }

    fn activate(&self, activation: Activation) {
        let interrupt = activation.interrupt.clone();
        *self.lock() = Some((Active::new(activation), interrupt));
    }

    fn reset(&self) {
        *self.lock() = None;
        self.actual.store(0, Ordering::SeqCst);
    }

    fn progress(&self) -> Option<Vec<Option<Progress>>> {
        Some(
            self.lock()
                .as_ref()
                .map_or_else(|| vec![None; QUEUE_SIZES.len()], |(active, _)| active.progress()),
        )
    }

    fn save(&self) -> Result<Value, PartError> {
        state::save(self)
    }

    fn restore(&self, state: Value) -> Result<(), PartError> {
        state::restore(self, state)
    }
}
