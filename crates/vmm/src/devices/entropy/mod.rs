//! Entropy device (virtio 1.2, 5.4): fills what the driver gives from the host's generator. Served by the event loop.

use crate::event_loop::{EventSource, Interest};
use crate::memory::Memory;
use crate::virtio::buffers::write;
use crate::virtio::queue::{ActiveQueue, Progress};
use crate::virtio::{Activation, Buffers, DeviceKind, F_COMMON, Interrupt, VirtioDevice};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use virtio_queue::DescriptorChain;
use vmm_sys_util::eventfd::{EFD_CLOEXEC, EFD_NONBLOCK, EventFd};

/// Most bytes given to one chain; a driver asks again for more.
const MAX_BYTES: usize = 4096;
/// Most bytes a chain may have room for.
const MAX_CHAIN: usize = 1 << 20;
const QUEUE_SIZES: [u16; 1] = [64];
/// Chains served in one turn of the event loop.
const TURN: usize = 16;

/// The device.
#[derive(Debug)]
pub struct Entropy {
    kicks: [EventFd; 1],
    active: Mutex<Option<Active>>,
    bytes: AtomicU64,
}

#[derive(Debug)]
struct Active {
    queue: ActiveQueue,
    memory: Memory,
    interrupt: Arc<Interrupt>,
}

impl Entropy {
    /// A device that nobody uses yet.
    pub fn new() -> io::Result<Self> {
        let kicks = [EventFd::new(EFD_CLOEXEC | EFD_NONBLOCK)?];
        Ok(Self { kicks, active: Mutex::new(None), bytes: AtomicU64::new(0) })
    }

    /// Bytes given.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Active>> {
        self.active.lock().expect("no thread panicked")
    }

    fn fill(&self, memory: &Memory, chain: DescriptorChain<&Memory>) -> u32 {
        let Ok(buffers) = Buffers::collect(memory, chain, MAX_CHAIN) else { return 0 };
        let mut random = [0; MAX_BYTES];
        let count = match rustix::rand::getrandom(&mut random[..], rustix::rand::GetRandomFlags::empty()) {
            Ok(count) => write(&buffers.writable, &random[..count]),
            Err(_) => 0,
        };
        self.bytes.fetch_add(count as u64, Ordering::Relaxed);
        count as u32
    }
}

impl EventSource for Entropy {
    fn descriptors(&self) -> Vec<(RawFd, Interest)> {
        vec![(self.kicks[0].as_raw_fd(), Interest::Readable)]
    }

    fn ready(&self, _which: usize) {
        let _ = self.kicks[0].read();
        let mut active = self.lock();
        let Some(Active { queue, memory, interrupt }) = &mut *active else { return };
        if queue.walk(memory, interrupt, TURN, |chain| self.fill(memory, chain)) {
            let _ = self.kicks[0].write(1);
        }
    }
}

impl VirtioDevice for Entropy {
    fn kind(&self) -> DeviceKind {
        DeviceKind::Entropy
    }

    fn features(&self) -> u64 {
        F_COMMON
    }

    fn queue_sizes(&self) -> &[u16] {
        &QUEUE_SIZES
    }

    fn kicks(&self) -> &[EventFd] {
        &self.kicks
    }

    fn read_config(&self, _offset: usize, data: &mut [u8]) {
        data.fill(0);
    }

    fn activate(&self, activation: Activation) {
        let Activation { memory, mut queues, interrupt, .. } = activation;
        let queue = queues.swap_remove(0);
        *self.lock() = queue.map(|queue| Active { queue: ActiveQueue::new(queue, 0), memory, interrupt });
    }

    fn reset(&self) {
        *self.lock() = None;
    }

    fn progress(&self) -> Option<Vec<Option<Progress>>> {
        Some(vec![self.lock().as_ref().and_then(|active| active.queue.progress())])
    }
}
