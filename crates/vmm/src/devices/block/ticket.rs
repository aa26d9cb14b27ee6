//! Who is to be answered when a request has been served, and how.

use super::metrics::{BlockMetrics, add};
use super::request::Status;
use std::io;
use vm_memory::VolatileSlice;

/// Where the answer to a request goes. It stays good as long as the guest's memory.
#[derive(Debug, Clone, Copy)]
pub struct Ticket {
    /// The queue.
    pub queue: usize,
    /// The chain.
    pub head: u16,
    /// What is counted when it has succeeded.
    pub kind: Kind,
    status: *mut u8,
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// To read so many bytes.
    Read(u32),
    /// To write so many bytes.
    Write(u32),
    /// To make durable what was written.
    Flush,
    /// Anything else.
    Other,
}

// SAFETY: the pointer is to guest memory, which is no thread's own.
unsafe impl Send for Ticket {}

impl Ticket {
    /// For a chain of a queue. Its status byte is the first of `status`.
    pub fn new(queue: usize, head: u16, status: VolatileSlice<'_>) -> Self {
        assert!(!status.is_empty());
        Self { queue, head, kind: Kind::Other, status: status.ptr_guard_mut().as_ptr() }
    }

    /// Writes the status. The caller has kept guest memory mapped since the ticket was made.
    pub fn answer(&self, status: Status) {
        // SAFETY: it is a byte of guest memory, which lives. The guest may read and write it at the same time.
        unsafe { self.status.write_volatile(status as u8) };
    }

    /// Counts a success and gives the bytes that were written to the chain's data buffers.
    pub fn succeeded(&self, metrics: &BlockMetrics) -> u32 {
        match self.kind {
            Kind::Read(bytes) => {
                add(&metrics.read_ops, 1);
                add(&metrics.read_bytes, bytes.into());
                return bytes;
            }
            Kind::Write(bytes) => {
                add(&metrics.write_ops, 1);
                add(&metrics.write_bytes, bytes.into());
            }
            Kind::Flush => add(&metrics.flush_ops, 1),
            Kind::Other => {}
        }
        0
    }

    /// Answers a request that was under way, and gives the bytes that were written to its chain.
    pub fn finish(&self, result: &io::Result<()>, metrics: &BlockMetrics) -> u32 {
        if result.is_err() {
            add(&metrics.errors, 1);
            self.answer(Status::IoError);
            return 1;
        }
        self.answer(Status::Ok);
        self.succeeded(metrics) + 1
    }
}
