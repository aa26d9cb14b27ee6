//! Counters of a disk.

use cumulet_vmm_protocol::DiskEngine;
use cumulet_vmm_protocol::metrics::DiskMetrics;
use std::sync::atomic::{AtomicU64, Ordering};

/// Written by the disk's thread, read by the control socket.
#[derive(Debug, Default)]
pub struct BlockMetrics {
    pub(super) read_ops: AtomicU64,
    pub(super) read_bytes: AtomicU64,
    pub(super) write_ops: AtomicU64,
    pub(super) write_bytes: AtomicU64,
    pub(super) flush_ops: AtomicU64,
    pub(super) discard_ops: AtomicU64,
    pub(super) errors: AtomicU64,
    engine: DiskEngine,
}

impl BlockMetrics {
    /// All 0.
    pub(super) fn new(engine: DiskEngine) -> Self {
        Self { engine, ..Self::default() }
    }

    /// As the protocol has them.
    pub fn read(&self, id: &str) -> DiskMetrics {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        DiskMetrics {
            id: id.to_owned(),
            read_ops: get(&self.read_ops),
            read_bytes: get(&self.read_bytes),
            write_ops: get(&self.write_ops),
            write_bytes: get(&self.write_bytes),
            flush_ops: get(&self.flush_ops),
            discard_ops: get(&self.discard_ops),
            errors: get(&self.errors),
            engine: self.engine,
        }
    }
}

/// Adds to a counter.
pub(super) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}
