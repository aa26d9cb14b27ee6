//! Requests under way: begun by io_uring, not yet answered. They end in any order.
//!
//! While a request is under way, its guest memory stays mapped (a clone of the memory is kept), and what imago has told of
//! where its data is stays true: nothing may change the mapping of a range that a request under way touches
//! ([`Flights::settle`]), since a cluster that is given up could become another's. Everything that takes the queues or
//! the files away lands all first ([`Flights::land_all`]).

use super::ring::{MOST, Ring};
use super::transfer::Transfer;
use crate::memory::Memory;
use std::io;
use std::ops::Range;
use vmm_sys_util::eventfd::EventFd;

/// Requests under way at most.
const REQUESTS: usize = 256;
/// Most parts of a request that are begun at once.
pub const MOST_PARTS: usize = 64;
/// No cluster of a qcow2 image is larger (QEMU's docs/interop/qcow2: `cluster_bits` is 21 at most).
const LARGEST_CLUSTER: u64 = 2 << 20;

/// Requests under way; `T` is what their owner knows them by.
#[derive(Debug)]
pub struct Flights<T> {
    ring: Ring,
    slots: Vec<Option<Flight<T>>>,
    free: Vec<usize>,
    /// Operations under way.
    operations: usize,
    memory: Option<Memory>,
    landed: Vec<(T, io::Result<()>)>,
}

#[derive(Debug)]
struct Flight<T> {
    owner: T,
    /// Bytes of the disk.
    range: Range<u64>,
    parts: Vec<Transfer>,
    left: usize,
    result: io::Result<()>,
}

impl<T> Flights<T> {
    /// None as yet. `wake` is counted up when one may have landed.
    pub fn new(wake: &EventFd) -> io::Result<Self> {
        Ok(Self {
            ring: Ring::new(wake)?,
            slots: (0..REQUESTS).map(|_| None).collect(),
            free: (0..REQUESTS).rev().collect(),
            operations: 0,
            memory: None,
            landed: Vec::new(),
        })
    }

    /// Whether one more of any number of parts can begin.
    pub fn has_room(&self) -> bool {
        !self.free.is_empty() && self.operations + MOST_PARTS <= MOST
    }

    /// Begins a request on `range` of the disk. There has to be room for it, `parts` are 1 to [`MOST_PARTS`], their
    /// buffers lie in `memory`, and their files are open until they have landed.
    pub fn launch(&mut self, owner: T, memory: &Memory, range: Range<u64>, parts: Vec<Transfer>) {
        assert!(self.has_room() && (1..=MOST_PARTS).contains(&parts.len()), "room was asked for");
        self.memory.get_or_insert_with(|| memory.clone());
        let slot = self.free.pop().expect("there is room");
        let (mut left, mut result) = (0, Ok(()));
        for (index, part) in parts.iter().enumerate() {
            let tag = (slot * MOST_PARTS + index) as u64;
            // SAFETY: the transfers are kept in the slot, and the memory beside it, until the completion was taken. That
            // the files are open is the caller's part; the kernel keeps one that is in use.
            result = unsafe { part.begin(&mut self.ring, tag) };
            if result.is_err() {
                break;
            }
            left += 1;
        }
        self.operations += left;
        if left == 0 {
            self.free.push(slot);
            return self.landed.push((owner, result));
        }
        self.slots[slot] = Some(Flight { owner, range, parts, left, result });
    }

    /// Begins what was launched since, and tells whether all of it has begun.
    pub fn submit(&mut self) -> bool {
        if self.ring.has_waiting() {
            self.ring.submit(0).expect("the kernel knows its own ring");
        }
        !self.ring.has_waiting()
    }

    /// The requests that have landed since this was last called.
    pub fn landed(&mut self) -> Vec<(T, io::Result<()>)> {
        self.reap();
        std::mem::take(&mut self.landed)
    }

    /// Waits until nothing is under way that could touch a cluster of `range`.
    pub fn settle(&mut self, range: Range<u64>) {
        let start = range.start / LARGEST_CLUSTER * LARGEST_CLUSTER;
        let end = range.end.checked_next_multiple_of(LARGEST_CLUSTER).unwrap_or(u64::MAX);
        let touches = |flight: &Flight<T>| flight.range.start < end && start < flight.range.end;
        self.wait_while(|flights| flights.slots.iter().flatten().any(touches));
    }

    /// Waits until nothing is under way.
    pub fn land_all(&mut self) {
        self.wait_while(|flights| flights.operations > 0);
        self.memory = None;
    }

    fn wait_while(&mut self, busy: impl Fn(&Self) -> bool) {
        self.reap();
        while busy(self) {
            self.ring.submit(1).expect("the kernel knows its own ring");
            self.reap();
        }
    }

    fn reap(&mut self) {
        while let Some((tag, result)) = self.ring.next() {
            let (slot, part) = (tag as usize / MOST_PARTS, tag as usize % MOST_PARTS);
            let flight = self.slots[slot].as_mut().expect("a tag of ours");
            self.operations -= 1;
            flight.left -= 1;
            // SAFETY: the memory is kept while anything is under way.
            let done = unsafe { flight.parts[part].complete(result) };
            if flight.result.is_ok() {
                flight.result = done;
            }
            if flight.left == 0 {
                let flight = self.slots[slot].take().expect("it is there");
                self.free.push(slot);
                self.landed.push((flight.owner, flight.result));
            }
        }
    }
}

/// The kernel may not touch guest memory that nobody keeps any more.
impl<T> Drop for Flights<T> {
    fn drop(&mut self) {
        self.land_all();
    }
}
