//! A pair of queues in use: moves frames between them and the tap.

use super::tap::{HEADER, Tap};
use super::{Counters, features};
use crate::limits::Shared;
use crate::memory::Memory;
use crate::virtio::buffers::{total, write};
use crate::virtio::queue::{ActiveQueue, Progress};
use crate::virtio::{Buffers, Interrupt};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use virtio_queue::Queue;
use vm_memory::VolatileSlice;

/// Longest frame with its header: 64 KiB of payload, Ethernet header and VLAN tag.
const MAX_FRAME: usize = HEADER + 65_536 + 18;
/// Frames moved in one turn of the event loop.
const TURN: usize = 128;
/// Where the header has the number of buffers that a frame was spread over.
const NUM_BUFFERS: usize = 10;

/// Queues and the frame that waits for room.
#[derive(Debug)]
pub struct Active {
    rx: Option<ActiveQueue>,
    tx: Option<ActiveQueue>,
    memory: Memory,
    interrupt: Arc<Interrupt>,
    mergeable: bool,
    frame: Vec<u8>,
    waiting: usize,
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// There is no more, or no room for it.
    Over,
    /// There may be more.
    More,
    /// There may be more, but not before this has passed.
    Wait(Duration),
}

/// What became of a frame.
enum Delivery {
    Done,
    NoRoom,
    Dropped,
}

impl Active {
    /// Takes over the queues; `first` is the number of the one on which the guest receives.
    pub fn new(
        [rx, tx]: [Option<Queue>; 2],
        first: usize,
        memory: Memory,
        features: u64,
        interrupt: Arc<Interrupt>,
    ) -> Self {
        let (rx, tx) = (
            rx.map(|queue| ActiveQueue::new(queue, first)),
            tx.map(|queue| ActiveQueue::new(queue, first + 1)),
        );
        let mergeable = features & features::MRG_RXBUF != 0;
        Self { rx, tx, memory, interrupt, mergeable, frame: vec![0; MAX_FRAME], waiting: 0 }
    }

    /// How far both queues have been worked off. A frame that waits for room is not among it: networks lose some.
    pub fn progress(&self) -> [Option<Progress>; 2] {
        [&self.rx, &self.tx].map(|queue| queue.as_ref().and_then(ActiveQueue::progress))
    }

    /// Sends what the guest has made available, as far as `limiter` allows.
    pub fn transmit(&mut self, tap: Option<&Tap>, counters: &Counters, limiter: &Shared) -> Turn {
        let Some(queue) = &mut self.tx else { return Turn::Over };
        let mut wait = None;
        let more = queue.walk_while(&self.memory, &self.interrupt, TURN, |chain| {
            let Some(chain) = chain else {
                wait = limiter.wait();
                return wait.is_none().then_some(0);
            };
            let sent = match Buffers::collect(&self.memory, chain, MAX_FRAME) {
                Ok(buffers) if total(&buffers.readable) > HEADER => send(tap, &buffers.readable),
                _ => None,
            };
            match sent {
                Some(bytes) => count(&counters.tx_packets, &counters.tx_bytes, bytes),
                None => drop(counters.tx_dropped.fetch_add(1, Ordering::Relaxed)),
            }
            limiter.pay(sent.unwrap_or(0) as u64);
            Some(0)
        });
        match wait {
            Some(wait) => Turn::Wait(wait),
            None if more => Turn::More,
            None => Turn::Over,
        }
    }

    /// Gives the guest what the tap has, until there is no more, no room, or `limiter` allows no more.
    pub fn receive(&mut self, tap: Option<&Tap>, counters: &Counters, limiter: &Shared) -> Turn {
        let Some(tap) = tap else { return Turn::Over };
        for _ in 0..TURN {
            if self.waiting == 0 {
                if let Some(wait) = limiter.wait() {
                    return Turn::Wait(wait);
                }
                match tap.read(&mut self.frame) {
                    Ok(length) if length > HEADER => self.waiting = length,
                    Ok(_) => continue,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(_) => return Turn::Over,
                }
                limiter.pay((self.waiting - HEADER) as u64);
            }
            match self.deliver() {
                Delivery::Done => count(&counters.rx_packets, &counters.rx_bytes, self.waiting - HEADER),
                Delivery::Dropped => drop(counters.rx_dropped.fetch_add(1, Ordering::Relaxed)),
                Delivery::NoRoom => return Turn::Over,
            }
            self.waiting = 0;
        }
        Turn::More
    }

    /// Puts in a frame as if the tap had given it; false when it has to wait.
    #[cfg(test)]
    pub fn put(&mut self, frame: &[u8]) -> bool {
        self.frame[..frame.len()].copy_from_slice(frame);
        self.waiting = frame.len();
        !matches!(self.deliver(), Delivery::NoRoom)
    }

    fn deliver(&mut self) -> Delivery {
        let Some(queue) = &mut self.rx else { return Delivery::Dropped };
        let frame = &mut self.frame[..self.waiting];
        let result = queue.fill(&self.memory, &self.interrupt, frame, self.mergeable);
        match result {
            Ok(Filled::All) => Delivery::Done,
            Ok(Filled::NoRoom) => Delivery::NoRoom,
            Ok(Filled::TooShort) => Delivery::Dropped,
            Err(_) => {
                // Rings that make no sense: reported once, then the queue is left alone.
                self.rx = None;
                self.interrupt.broken();
                Delivery::Dropped
            }
        }
    }
}

enum Filled {
    All,
    NoRoom,
    TooShort,
}

impl ActiveQueue {
    /// Spreads a frame over as many chains as it needs, and puts them back all at once: a driver that sees the first
    /// must see the others.
    fn fill(
        &mut self,
        memory: &Memory,
        interrupt: &Interrupt,
        frame: &mut [u8],
        mergeable: bool,
    ) -> Result<Filled, virtio_queue::Error> {
        let mut used: Vec<(u16, u32)> = Vec::new();
        let mut first: Vec<VolatileSlice<'_>> = Vec::new();
        let mut done = 0;
        while done < frame.len() {
            let Some(chain) = self.next(memory)? else {
                if self.put_off(memory, used.len())? {
                    return Ok(Filled::NoRoom);
                }
                continue;
            };
            let head = chain.head_index();
            let room = Buffers::collect(memory, chain, usize::MAX >> 1).unwrap_or_default().writable;
            let count = write(&room, &frame[done..]);
            done += count;
            used.push((head, count as u32));
            if used.len() == 1 {
                first = room;
            }
            if count == 0 || (!mergeable && done < frame.len()) {
                // A useless chain goes back as it is; the frame is lost.
                used.iter_mut().for_each(|(_, written)| *written = 0);
                self.put_all(memory, interrupt, &used)?;
                return Ok(Filled::TooShort);
            }
        }
        frame[NUM_BUFFERS..HEADER].copy_from_slice(&(used.len() as u16).to_le_bytes());
        write(&first, &frame[..HEADER]);
        self.put_all(memory, interrupt, &used)?;
        Ok(Filled::All)
    }
}

fn send(tap: Option<&Tap>, buffers: &[VolatileSlice<'_>]) -> Option<usize> {
    tap?.write(buffers).ok().map(|()| total(buffers) - HEADER)
}

fn count(packets: &AtomicU64, bytes: &AtomicU64, length: usize) {
    packets.fetch_add(1, Ordering::Relaxed);
    bytes.fetch_add(length as u64, Ordering::Relaxed);
}
