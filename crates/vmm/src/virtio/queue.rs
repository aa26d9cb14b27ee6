//! Walks a queue: takes chains until there are none, puts them back, and tells the driver when it wants to know.

use super::Interrupt;
use crate::memory::Memory;
use serde::{Deserialize, Serialize};
use virtio_queue::{DescriptorChain, Queue, QueueOwnedT, QueueT};
use vm_memory::{Bytes, GuestAddress};

/// How far a queue has been worked off, for a saved state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    next_avail: u16,
    next_used: u16,
}

impl Progress {
    /// Sets a queue that was just made to where another stood.
    pub fn apply(&self, queue: &mut Queue) {
        queue.set_next_avail(self.next_avail);
        queue.set_next_used(self.next_used);
    }
}

/// A queue in use.
#[derive(Debug)]
pub struct ActiveQueue {
    /// Its rings.
    pub queue: Queue,
    /// Its number, for its interrupt.
    pub index: usize,
    /// Chains were put back of which the driver has not been told.
    untold: bool,
    /// The rings made no sense: nothing is done any more until a reset.
    broken: bool,
}

impl ActiveQueue {
    /// Takes over a queue that the driver has set up.
    pub fn new(queue: Queue, index: usize) -> Self {
        Self { queue, index, untold: false, broken: false }
    }

    /// How far it has been worked off; nothing if it is broken.
    pub fn progress(&self) -> Option<Progress> {
        let (next_avail, next_used) = (self.queue.next_avail(), self.queue.next_used());
        (!self.broken).then_some(Progress { next_avail, next_used })
    }

    /// Gives available chains to `serve`, which answers how many bytes it wrote to each, but `budget` at most, so that
    /// a driver that never stops leaves time for others. True when there may be more; else the driver will notify of
    /// the next one. Rings that make no sense are reported to the driver once and then left alone.
    pub fn walk(
        &mut self,
        memory: &Memory,
        interrupt: &Interrupt,
        budget: usize,
        mut serve: impl FnMut(DescriptorChain<&Memory>) -> u32,
    ) -> bool {
        self.walk_while(memory, interrupt, budget, |chain| chain.map_or(Some(0), |chain| Some(serve(chain))))
    }

    /// The same, but before each chain `serve` is called with nothing, and the walk ends there if it gives nothing.
    pub fn walk_while(
        &mut self,
        memory: &Memory,
        interrupt: &Interrupt,
        budget: usize,
        mut serve: impl FnMut(Option<DescriptorChain<&Memory>>) -> Option<u32>,
    ) -> bool {
        if self.broken {
            return false;
        }
        let more = self.try_walk(memory, interrupt, budget, &mut serve);
        self.broken = more.is_err();
        if self.broken {
            interrupt.broken();
        }
        more.unwrap_or(false)
    }

    fn try_walk(
        &mut self,
        memory: &Memory,
        interrupt: &Interrupt,
        budget: usize,
        serve: &mut impl FnMut(Option<DescriptorChain<&Memory>>) -> Option<u32>,
    ) -> Result<bool, virtio_queue::Error> {
        self.queue.disable_notification(memory)?;
        for _ in 0..budget {
            if serve(None).is_none() {
                return Ok(true);
            }
            match self.next(memory)? {
                Some(chain) => {
                    let head = chain.head_index();
                    let written = serve(Some(chain)).unwrap_or(0);
                    self.put(memory, interrupt, head, written)?;
                }
                None if self.queue.enable_notification(memory)? => self.queue.disable_notification(memory)?,
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// For devices that put chains back later than they take them: asks for no notifications until [`Self::take`] has
    /// found the queue empty.
    pub fn hush(&mut self, memory: &Memory, interrupt: &Interrupt) {
        if !self.broken {
            let done = self.queue.disable_notification(memory);
            self.heed(interrupt, done);
        }
    }

    /// The next chain. Nothing when there is none: then the driver will notify of the next one.
    pub fn take<'m>(
        &mut self,
        memory: &'m Memory,
        interrupt: &Interrupt,
    ) -> Option<DescriptorChain<&'m Memory>> {
        if self.broken {
            return None;
        }
        let taken = self.try_take(memory);
        self.heed(interrupt, taken).flatten()
    }

    fn try_take<'m>(
        &mut self,
        memory: &'m Memory,
    ) -> Result<Option<DescriptorChain<&'m Memory>>, virtio_queue::Error> {
        // A driver that adds a chain just then is seen the next time round, one that plays tricks with the index is not
        // run after.
        for _ in 0..8 {
            match self.next(memory)? {
                None if self.queue.enable_notification(memory)? => self.queue.disable_notification(memory)?,
                chain => return Ok(chain),
            }
        }
        Ok(None)
    }

    /// Puts a chain back. [`Self::tell`] tells the driver.
    pub fn give_back(&mut self, memory: &Memory, interrupt: &Interrupt, head: u16, written: u32) {
        if !self.broken {
            let done = self.queue.add_used(memory, head, written);
            self.untold |= self.heed(interrupt, done).is_some();
        }
    }

    /// Tells the driver of what was put back, if it wants to know.
    pub fn tell(&mut self, memory: &Memory, interrupt: &Interrupt) {
        if !std::mem::take(&mut self.untold) || self.broken {
            return;
        }
        let wanted = self.queue.needs_notification(memory);
        if self.heed(interrupt, wanted) == Some(true) {
            interrupt.queue(self.index);
        }
    }

    /// Rings that make no sense are reported to the driver once and then left alone.
    fn heed<T>(&mut self, interrupt: &Interrupt, result: Result<T, virtio_queue::Error>) -> Option<T> {
        self.broken = result.is_err();
        if self.broken {
            interrupt.broken();
        }
        result.ok()
    }

    /// The next chain, if there is one.
    pub fn next<'m>(
        &mut self,
        memory: &'m Memory,
    ) -> Result<Option<DescriptorChain<&'m Memory>>, virtio_queue::Error> {
        Ok(self.queue.iter(memory)?.next())
    }

    /// Puts a chain back and tells the driver if it wants to know.
    pub fn put(
        &mut self,
        memory: &Memory,
        interrupt: &Interrupt,
        head: u16,
        written: u32,
    ) -> Result<(), virtio_queue::Error> {
        self.queue.add_used(memory, head, written)?;
        if self.queue.needs_notification(memory)? {
            interrupt.queue(self.index);
        }
        Ok(())
    }

    /// Makes the last `chains` chains available again and asks for a notification of the next one, unless there is
    /// one already: then nothing changes, and it tells so.
    pub fn put_off(&mut self, memory: &Memory, chains: usize) -> Result<bool, virtio_queue::Error> {
        if self.queue.enable_notification(memory)? {
            return Ok(false);
        }
        (0..chains).for_each(|_| self.queue.go_to_previous_position());
        Ok(true)
    }

    /// Puts chains back so that the driver sees either none or all of them: all elements but the last are written
    /// ahead of the index.
    pub fn put_all(
        &mut self,
        memory: &Memory,
        interrupt: &Interrupt,
        used: &[(u16, u32)],
    ) -> Result<(), virtio_queue::Error> {
        let Some((&(last_head, last_written), ahead)) = used.split_last() else { return Ok(()) };
        for &(head, written) in ahead {
            let next = self.queue.next_used();
            let slot = u64::from(next % self.queue.size());
            let element = GuestAddress(self.queue.used_ring() + 4 + 8 * slot);
            let bytes = u64::from(head) | u64::from(written) << 32;
            memory.write_obj(bytes.to_le(), element).map_err(virtio_queue::Error::GuestMemory)?;
            self.queue.set_next_used(next.wrapping_add(1));
        }
        self.queue.add_used(memory, last_head, last_written)?;
        // With more than one, the queue's own count of what was added since is too low to ask it.
        if self.queue.needs_notification(memory)? || !ahead.is_empty() {
            interrupt.queue(self.index);
        }
        Ok(())
    }
}
