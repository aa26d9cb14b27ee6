//! Block device (virtio 1.2, 5.2) on a raw or qcow2 image. Each disk has a thread of its own, so that a slow file
//! stalls neither vCPUs nor the other devices; it begins requests and answers those that are done ([`open`] says how).
//! Whoever takes queues or files away, which is done from other threads too, holds the lock and lands all requests
//! first.
//!
//! What goes wrong with the file while the guest runs — a full or failing host disk, a corrupt image — is an I/O error
//! of that one request: the guest decides what follows (ext4 goes read-only), the error is counted, the machine goes
//! on. What is wrong when the machine is built ends it with a reason.

mod active;
mod config;
mod flights;
mod image;
mod layer;
mod metrics;
#[cfg(test)]
mod model;
mod open;
mod pace;
mod request;
mod ring;
mod state;
mod swap;
#[cfg(test)]
mod tests;
mod ticket;
mod transfer;
mod worker;

pub use config::{BlockConfig, LayerConfig, SERIAL_LENGTH};
pub use image::{Image, ImageError, open};
pub use metrics::BlockMetrics;
pub use swap::SwapError;
use worker::End;
pub use worker::spawn;

use crate::limits::{Limiter, Together};
use crate::snapshot::part::PartError;
use crate::virtio::queue::Progress;
use crate::virtio::{Activation, DeviceKind, F_COMMON, VirtioDevice, read_config_bytes};
use active::{Active, Turn};
use cumulet_vmm_protocol::Limits;
use cumulet_vmm_protocol::metrics::DiskMetrics;
use open::Open;
use serde_json::Value;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;
use vmm_sys_util::eventfd::{EFD_CLOEXEC, EventFd};

const F_SEG_MAX: u64 = 1 << 2;
const F_RO: u64 = 1 << 5;
const F_BLK_SIZE: u64 = 1 << 6;
const F_FLUSH: u64 = 1 << 9;
const F_MQ: u64 = 1 << 12;
const F_DISCARD: u64 = 1 << 13;
const F_WRITE_ZEROES: u64 = 1 << 14;

/// Bytes of a sector in requests, whatever the file's block size.
pub const SECTOR: u64 = 512;
const QUEUE_SIZE: u16 = 256;
/// Most queues. One thread serves them all: what they save is the guest's vCPUs waiting for each other.
pub const MAX_QUEUES: usize = 4;
const QUEUE_SIZES: [u16; MAX_QUEUES] = [QUEUE_SIZE; MAX_QUEUES];

/// A disk of the machine.
#[derive(Debug)]
pub struct Block {
    config: BlockConfig,
    /// In sectors; it may grow.
    capacity: AtomicU64,
    /// One for each queue, all of the same counter: the thread waits for any of them, and for what has landed.
    kicks: Vec<EventFd>,
    work: Mutex<Work>,
    /// What it may do with the other disks.
    together: Together,
    metrics: BlockMetrics,
    end: End,
}

#[derive(Debug)]
struct Work {
    /// Nothing once the files were closed: then every request fails.
    open: Option<Open>,
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

impl Block {
    /// A disk on an opened image, with a queue for each of so many vCPUs as far as there are.
    pub fn new(config: BlockConfig, image: Image, vcpus: usize) -> io::Result<Self> {
        let kick = EventFd::new(EFD_CLOEXEC)?;
        let open = Open::new(&config.id, image, config.engine, &kick)?;
        let kicks = (0..vcpus.clamp(1, MAX_QUEUES)).map(|_| kick.try_clone()).collect::<Result<_, _>>()?;
        Ok(Self {
            capacity: AtomicU64::new(open.size() / SECTOR),
            kicks,
            metrics: BlockMetrics::new(open.engine()),
            work: Mutex::new(Work { open: Some(open), active: None, limiter: Limiter::new(&config.limits) }),
            together: Together::default(),
            end: End::default(),
            config,
        })
    }

    /// The same disk within the limits of several.
    pub fn within(self, together: &Together) -> Self {
        Self { together: together.clone(), ..self }
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
        let mut work = self.lock();
        work.land_all(&self.metrics);
        match &mut work.open {
            Some(open) if !self.config.read_only => open.write_out(),
            _ => Ok(()),
        }
    }

    /// Waits for all requests that are under way, and answers them.
    pub fn land_all(&self) {
        self.lock().land_all(&self.metrics);
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
        let mut work = self.lock();
        work.land_all(&self.metrics);
        let (old, new) = (self.capacity(), bytes / SECTOR);
        if new < old {
            return Err(ResizeError::Shrinks { old: old * SECTOR, new: bytes });
        }
        let open = work.open.as_mut().ok_or(ResizeError::Closed)?;
        open.grow(bytes).map_err(ResizeError::Grow)?;
        self.capacity.store(new, Ordering::SeqCst);
        if let Some(active) = work.active.as_ref().filter(|_| new > old) {
            active.config_changed();
        }
        Ok(())
    }

    /// Changes how much it may do.
    pub fn set_limits(&self, limits: &Limits) {
        self.lock().limiter.set(limits);
        // What waits may have waited enough. A full counter wakes just as well.
        let _ = self.kicks[0].write(1);
    }

    /// Answers what is done and serves what the driver has made available, as far as the limits allow.
    pub fn serve(&self) -> Next {
        let mut work = self.lock();
        let Work { open, active, limiter } = &mut *work;
        let Some(active) = active else { return Next::Wait };
        let (config, metrics) = (&self.config, &self.metrics);
        let disk =
            request::Disk { open: open.as_mut(), capacity: self.capacity(), config, metrics, moved: 0 };
        // One that leaves only fails what it is asked for.
        let together = (!self.is_severed()).then_some(&self.together);
        match active.serve(disk, limiter, together) {
            Turn::Done => Next::Wait,
            Turn::Limited(wait) => Next::WaitFor(wait),
            Turn::More => {
                // A full counter means that the next turn is due anyway.
                let _ = self.kicks[0].write(1);
                Next::Wait
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().expect("no thread panicked")
    }
}

impl Work {
    fn land_all(&mut self, metrics: &BlockMetrics) {
        let Some(open) = &mut self.open else { return };
        open.land_all();
        let landed = open.landed();
        if let Some(active) = &mut self.active {
            active.answer(landed, metrics);
        }
    }
}

impl VirtioDevice for Block {
    fn kind(&self) -> DeviceKind {
        DeviceKind::Block
    }

    fn features(&self) -> u64 {
        let access = if self.config.read_only { F_RO } else { F_FLUSH | F_DISCARD | F_WRITE_ZEROES };
        let queues = if self.kicks.len() > 1 { F_MQ } else { 0 };
        F_COMMON | F_SEG_MAX | F_BLK_SIZE | access | queues
    }

    fn queue_sizes(&self) -> &[u16] {
        &QUEUE_SIZES[..self.kicks.len()]
    }

    fn kicks(&self) -> &[EventFd] {
        &self.kicks
    }

    fn read_config(&self, offset: usize, data: &mut [u8]) {
        read_config_bytes(&config::space(self.capacity(), self.kicks.len() as u16), offset, data);
    }

    fn activate(&self, activation: Activation) {
        let mut work = self.lock();
        work.land_all(&self.metrics);
        work.active = Some(Active::new(activation));
    }

    fn reset(&self) {
        let mut work = self.lock();
        work.land_all(&self.metrics);
        work.active = None;
    }

    fn name(&self) -> String {
        let detached = if self.is_severed() { "detached " } else { "" };
        format!("{detached}disk {}", self.config.id)
    }

    fn progress(&self) -> Option<Vec<Option<Progress>>> {
        let work = self.lock();
        Some(work.active.as_ref().map_or_else(|| vec![None; self.kicks.len()], Active::progress))
    }

    fn save(&self) -> Result<Value, PartError> {
        state::save(self)
    }

    fn restore(&self, state: Value) -> Result<(), PartError> {
        state::restore(self, state)
    }
}
