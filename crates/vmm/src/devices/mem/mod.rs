//! Memory that comes and goes while the machine runs (virtio 1.2, 5.15). The device has a region of guest-physical space
//! behind all other memory; the guest is asked to have so much of it plugged, and plugs and unplugs blocks of it. What is
//! unplugged goes back to the host. Served by the event loop.
//!
//! All of the region is mapped for the guest from the begin: KVM takes long to change its slots, and access to a block
//! that is not mapped would have to end the machine. A guest that uses blocks it has not plugged breaks its driver's
//! promise (`VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE`) and gains nothing: the control group's limit is that of what was asked
//! for, and such blocks are neither counted nor saved.

mod blocks;
mod request;
#[cfg(test)]
mod tests;

pub use blocks::BLOCK;

use crate::event_loop::{EventSource, Interest};
use crate::memory::{self, Memory};
use crate::snapshot::part::{PartError, from_state, state};
use crate::virtio::buffers::{read, total, write};
use crate::virtio::queue::{ActiveQueue, Progress};
use crate::virtio::{Activation, Buffers, DeviceKind, F_COMMON, Interrupt, VirtioDevice, read_config_bytes};
use blocks::Blocks;
use request::{ANSWER, Answer, REQUEST, Request};
use serde_json::Value;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard};
use virtio_queue::DescriptorChain;
use vmm_sys_util::eventfd::{EFD_CLOEXEC, EFD_NONBLOCK, EventFd};

/// The driver uses no block that is not plugged.
const F_UNPLUGGED_INACCESSIBLE: u64 = 1 << 1;

const QUEUE_SIZES: [u16; 1] = [64];
/// Requests served in one turn of the event loop.
const TURN: usize = 32;

/// The device.
#[derive(Debug)]
pub struct Mem {
    kicks: [EventFd; 1],
    work: Mutex<Work>,
}

#[derive(Debug)]
struct Work {
    active: Option<Active>,
    blocks: Blocks,
}

#[derive(Debug)]
struct Active {
    queue: Option<ActiveQueue>,
    memory: Memory,
    interrupt: Arc<Interrupt>,
}

/// How much there is of it, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// The region.
    pub region: u64,
    /// What shall be plugged.
    pub requested: u64,
    /// What is.
    pub plugged: u64,
}

impl Mem {
    /// With a region of `size` bytes at `start`, both multiples of [`BLOCK`].
    pub fn new(start: u64, size: u64) -> io::Result<Self> {
        let kicks = [EventFd::new(EFD_CLOEXEC | EFD_NONBLOCK)?];
        Ok(Self { kicks, work: Mutex::new(Work { active: None, blocks: Blocks::new(start, size) }) })
    }

    /// Asks the guest to have `bytes` of the region plugged, a multiple of [`BLOCK`] and no more than there are. It does
    /// when it can.
    pub fn request(&self, bytes: u64) {
        let mut work = self.lock();
        work.blocks.request(bytes);
        if let Some(active) = &work.active {
            active.interrupt.config_changed();
        }
    }

    /// How much there is.
    pub fn sizes(&self) -> Sizes {
        let Work { blocks, .. } = &*self.lock();
        Sizes { region: blocks.size(), requested: blocks.requested(), plugged: blocks.plugged() }
    }

    /// Ranges (start, bytes) of the region that are memory now, in order.
    pub fn plugged(&self) -> Vec<(u64, u64)> {
        self.lock().blocks.plugged_ranges()
    }

    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().expect("no thread panicked")
    }
}

/// Carries out a request; gives the bytes written.
fn serve(memory: &Memory, blocks: &mut Blocks, chain: DescriptorChain<&Memory>) -> u32 {
    let Ok(buffers) = Buffers::collect(memory, chain, 4096) else { return 0 };
    let mut bytes = [0; REQUEST];
    if total(&buffers.writable) < ANSWER || read(&buffers.readable, &mut bytes) < REQUEST {
        return 0;
    }
    let (answer, gone) =
        Request::parse(&bytes).map_or((Answer::Wrong, Vec::new()), |request| blocks.answer(request));
    for (start, length) in gone {
        memory::release(memory, start, length);
    }
    write(&buffers.writable, &answer.bytes()) as u32
}

impl EventSource for Mem {
    fn descriptors(&self) -> Vec<(RawFd, Interest)> {
        vec![(self.kicks[0].as_raw_fd(), Interest::Readable)]
    }

    fn ready(&self, _which: usize) {
        let _ = self.kicks[0].read();
        let mut work = self.lock();
        let Work { active: Some(Active { queue: Some(queue), memory, interrupt }), blocks } = &mut *work
        else {
            return;
        };
        if queue.walk(memory, interrupt, TURN, |chain| serve(memory, blocks, chain)) {
            // The others come first. A full counter means that it is due anyway.
            let _ = self.kicks[0].write(1);
        }
    }
}

impl VirtioDevice for Mem {
    fn kind(&self) -> DeviceKind {
        DeviceKind::Mem
    }

    fn features(&self) -> u64 {
        F_COMMON | F_UNPLUGGED_INACCESSIBLE
    }

    fn queue_sizes(&self) -> &[u16] {
        &QUEUE_SIZES
    }

    fn kicks(&self) -> &[EventFd] {
        &self.kicks
    }

    fn read_config(&self, offset: usize, data: &mut [u8]) {
        read_config_bytes(&self.lock().blocks.space(), offset, data);
    }

    fn activate(&self, activation: Activation) {
        let Activation { memory, queues, interrupt, .. } = activation;
        let queue = queues.into_iter().next().flatten().map(|queue| ActiveQueue::new(queue, 0));
        self.lock().active = Some(Active { queue, memory, interrupt });
    }

    /// Plugged memory stays what it is: a driver that comes anew gives it back or goes on with it.
    fn reset(&self) {
        self.lock().active = None;
    }

    fn progress(&self) -> Option<Vec<Option<Progress>>> {
        let work = self.lock();
        let queue = work.active.as_ref().and_then(|active| active.queue.as_ref());
        Some(vec![queue.and_then(ActiveQueue::progress)])
    }

    fn save(&self) -> Result<Value, PartError> {
        state(&self.lock().blocks.save())
    }

    fn restore(&self, state: Value) -> Result<(), PartError> {
        self.lock().blocks.restore(from_state(state)?)
    }
}
