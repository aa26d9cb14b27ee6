//! Block device (virtio 1.2, 5.2) on a raw or qcow2 image. Each disk has a thread of its own, so that a slow file
//! stalls neither vCPUs nor the other devices.
//!
//! What goes wrong with the file while the guest runs — a full or failing host disk, a corrupt image — is an I/O error
//! of that one request: the guest decides what follows (ext4 goes read-only), the error is counted, the machine goes
//! on. What is wrong when the machine is built ends it with a reason.

mod config;
mod image;
mod metrics;
mod request;
mod state;
mod swap;
#[cfg(test)]
mod tests;
mod worker;

pub use config::{BlockConfig, LayerConfig, SERIAL_LENGTH};
pub use image::{Image, ImageError, open};
pub use metrics::BlockMetrics;
pub use swap::SwapError;
use worker::End;
pub use worker::spawn;

use crate::limits::Limiter;
use crate::memory::Memory;
use crate::snapshot::part::PartError;
use crate::virtio::queue::{ActiveQueue, Progress};
use crate::virtio::{Activation, DeviceKind, F_COMMON, Interrupt, VirtioDevice, read_config_bytes};
use cumulet_vmm_protocol::Limits;
use cumulet_vmm_protocol::metrics::DiskMetrics;
use imago::format::PreallocateMode;
use serde_json::Value;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use vmm_sys_util::eventfd::{EFD_CLOEXEC, EventFd};

const F_SEG_MAX: u64 = 1 << 2;
const F_RO: u64 = 1 << 5;
const F_BLK_SIZE: u64 = 1 << 6;
const F_FLUSH: u64 = 1 << 9;
const F_DISCARD: u64 = 1 << 13;
const F_WRITE_ZEROES: u64 = 1 << 14;

/// Bytes of a sector in requests, whatever the file's block size.
pub const SECTOR: u64 = 512;
const QUEUE_SIZES: [u16; 1] = [256];
/// Requests served before the disk's thread looks whether the machine is to be paused.
const TURN: usize = 16;

/// A disk of the machine.
#[derive(Debug)]
pub struct Block {
    config: BlockConfig,
    /// In sectors; it may grow.
    capacity: AtomicU64,
    kicks: [EventFd; 1],
    work: Mutex<Work>,
    metrics: BlockMetrics,
    end: End,
}

#[derive(Debug)]
struct Work {
    /// Nothing once the files were closed: then every request fails.
    image: Option<Image>,
    active: Option<Active>,
    limiter: Limiter,
}

/// Why a disk keeps its size.
#[derive(Debug, thiserror::Error)]
pub enum ResizeError {
    /// Not whole sectors.
    #[error("{0} bytes are not a multiple of {SECTOR}")]
    Unaligned(u64),
    /// Guests can't be told that a disk is smaller now.
    #[error("the disk has {old} bytes and can't shrink to {new}")]
    Shrinks {
        /// Before.
        old: u64,
        /// Asked for.
        new: u64,
    },
    /// It is on its way out.
    #[error("the disk's files are closed")]
    Closed,
    /// The file.
    #[error("the disk's file can't grow")]
    Grow(#[source] io::Error),
}

/// What the disk's thread does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Wait for a notification.
    Wait,
    /// Wait for a notification, but so long at most.
    WaitFor(Duration),
}

#[derive(Debug)]
struct Active {
    queue: ActiveQueue,
    memory: Memory,
    interrupt: Arc<Interrupt>,
}

impl Block {
    /// A disk on an opened image.
    pub fn new(config: BlockConfig, image: Image) -> io::Result<Self> {
        Ok(Self {
            capacity: AtomicU64::new(image.size() / SECTOR),
            kicks: [EventFd::new(EFD_CLOEXEC)?],
            work: Mutex::new(Work {
                image: Some(image),
                active: None,
                limiter: Limiter::new(&config.limits),
            }),
            metrics: BlockMetrics::default(),
            end: End::default(),
            config,
        })
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.config.id
    }

    /// Counters.
    pub fn metrics(&self) -> DiskMetrics {
        self.metrics.read(&self.config.id)
    }

    /// Writes to the file what is still held back. Called when the machine ends.
    pub fn close(&self) -> io::Result<()> {
        match &self.lock().image {
            Some(image) if !self.config.read_only => {
                image.flush()?;
                image.sync()
            }
            _ => Ok(()),
        }
    }

    /// Its sectors.
    fn capacity(&self) -> u64 {
        self.capacity.load(Ordering::SeqCst)
    }

    /// Lets it grow to `bytes` and tells the driver. The file grows with it, if it has not been grown already.
    pub fn resize(&self, bytes: u64) -> Result<(), ResizeError> {
        if !bytes.is_multiple_of(SECTOR) {
            return Err(ResizeError::Unaligned(bytes));
        }
        let work = self.lock();
        let (old, new) = (self.capacity(), bytes / SECTOR);
        if new < old {
            return Err(ResizeError::Shrinks { old: old * SECTOR, new: bytes });
        }
        let image = work.image.as_ref().ok_or(ResizeError::Closed)?;
        image.resize_grow(bytes, PreallocateMode::None).map_err(ResizeError::Grow)?;
        self.capacity.store(new, Ordering::SeqCst);
        if let Some(active) = work.active.as_ref().filter(|_| new > old) {
            active.interrupt.config_changed();
        }
        Ok(())
    }

    /// Changes how much it may do.
    pub fn set_limits(&self, limits: &Limits) {
        self.lock().limiter.set(limits);
        // What waits may have waited enough. A full counter wakes just as well.
        let _ = self.kicks[0].write(1);
    }

    /// Serves what the driver has made available, as far as the limits allow.
    pub fn serve(&self) -> Next {
        let mut work = self.lock();
        let Work { image, active, limiter } = &mut *work;
        let Some(Active { queue, memory, interrupt }) = active else { return Next::Wait };
        let (config, metrics) = (&self.config, &self.metrics);
        let mut disk =
            request::Disk { image: image.as_mut(), capacity: self.capacity(), config, metrics, moved: 0 };
        let mut wait = None;
        let more = queue.walk_while(memory, interrupt, TURN, |chain| {
            let Some(chain) = chain else {
                wait = limiter.wait();
                return wait.is_none().then_some(0);
            };
            let written = disk.serve(memory, chain);
            limiter.pay(std::mem::take(&mut disk.moved));
            Some(written)
        });
        if more && wait.is_none() {
            // A full counter means that the next turn is due anyway.
            let _ = self.kicks[0].write(1);
        }
        wait.map_or(Next::Wait, Next::WaitFor)
    }

    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().expect("no thread panicked")
    }
}

impl VirtioDevice for Block {
    fn kind(&self) -> DeviceKind {
        DeviceKind::Block
    }

    fn features(&self) -> u64 {
        let access = if self.config.read_only { F_RO } else { F_FLUSH | F_DISCARD | F_WRITE_ZEROES };
        F_COMMON | F_SEG_MAX | F_BLK_SIZE | access
    }

    fn queue_sizes(&self) -> &[u16] {
        &QUEUE_SIZES
    }

    fn kicks(&self) -> &[EventFd] {
        &self.kicks
    }

    fn read_config(&self, offset: usize, data: &mut [u8]) {
        read_config_bytes(&config::space(self.capacity()), offset, data);
    }

    fn activate(&self, activation: Activation) {
        let Activation { memory, mut queues, interrupt, .. } = activation;
        let queue = queues.swap_remove(0);
        self.lock().active =
            queue.map(|queue| Active { queue: ActiveQueue::new(queue, 0), memory, interrupt });
    }

    fn reset(&self) {
        self.lock().active = None;
    }

    fn name(&self) -> String {
        let detached = if self.is_severed() { "detached " } else { "" };
        format!("{detached}disk {}", self.config.id)
    }

    fn progress(&self) -> Option<Vec<Option<Progress>>> {
        Some(vec![self.lock().active.as_ref().and_then(|active| active.queue.progress())])
    }

    fn save(&self) -> Result<Value, PartError> {
        state::save(self)
    }

    fn restore(&self, state: Value) -> Result<(), PartError> {
        state::restore(self, state)
    }
}
