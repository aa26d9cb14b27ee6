//! The balloon in use: reads which pages were given up or are free, and gives them back.

use super::{Counters, DEFLATE, INFLATE, REPORTING};
use crate::memory::{self, Memory, PAGE};
use crate::virtio::buffers::{read, total};
use crate::virtio::queue::{ActiveQueue, Progress};
use crate::virtio::{Activation, Buffers, Interrupt};
use std::sync::atomic::Ordering;
use virtio_queue::DescriptorChain;

/// Most bytes of page numbers in a chain; Linux sends 1 KiB.
const MAX_LIST: usize = 16 * 1024;
/// Most ranges of free pages in a chain; Linux sends 32.
const MAX_RANGES: usize = 256;
/// Chains served in one turn of the event loop.
const TURN: usize = 16;

/// Queues in use.
#[derive(Debug)]
pub struct Active {
    queues: Vec<Option<ActiveQueue>>,
    memory: Memory,
}

impl Active {
    /// Takes over the queues.
    pub fn new(activation: Activation) -> Self {
        let Activation { memory, queues, .. } = activation;
        let queues = queues.into_iter().enumerate();
        Self { queues: queues.map(|(index, queue)| Some(ActiveQueue::new(queue?, index))).collect(), memory }
    }

    /// How far each queue has been worked off.
    pub fn progress(&self) -> Vec<Option<Progress>> {
        self.queues.iter().map(|queue| queue.as_ref().and_then(ActiveQueue::progress)).collect()
    }

    /// Serves a queue; true when there may be more.
    pub fn serve(&mut self, which: usize, interrupt: &Interrupt, counters: &Counters) -> bool {
        let Some(Some(queue)) = self.queues.get_mut(which) else { return false };
        let memory = &self.memory;
        queue.walk(memory, interrupt, TURN, |chain| {
            let released = match which {
                INFLATE => (&counters.inflated, inflate(memory, chain)),
                REPORTING => (&counters.reported, report(memory, chain)),
                // Pages that the guest takes back come when it touches them.
                _ => {
                    debug_assert_eq!(which, DEFLATE);
                    return 0;
                }
            };
            released.0.fetch_add(released.1, Ordering::Relaxed);
            0
        })
    }
}

/// Numbers of pages, as many as the chain has.
fn inflate(memory: &Memory, chain: DescriptorChain<&Memory>) -> u64 {
    let Ok(buffers) = Buffers::collect(memory, chain, MAX_LIST) else { return 0 };
    let mut bytes = vec![0; total(&buffers.readable)];
    read(&buffers.readable, &mut bytes);
    let pages = bytes.chunks_exact(4).map(|page| u32::from_le_bytes([page[0], page[1], page[2], page[3]]));
    runs(pages).map(|(first, count)| memory::release(memory, u64::from(first) * PAGE, count * PAGE)).sum()
}

/// Joins pages that follow each other, up or down, to runs of a first one and their number.
fn runs(pages: impl Iterator<Item = u32>) -> impl Iterator<Item = (u32, u64)> {
    let mut pages = pages.peekable();
    std::iter::from_fn(move || {
        let (mut first, mut count) = (pages.next()?, 1);
        loop {
            let next = pages.peek().copied().map(u64::from);
            if next == Some(u64::from(first) + count) {
                count += 1;
            } else if next.is_some() && next == u64::from(first).checked_sub(1) {
                (first, count) = (first - 1, count + 1);
            } else {
                return Some((first, count));
            }
            pages.next();
        }
    })
}

/// The buffers are the free pages themselves.
fn report(memory: &Memory, chain: DescriptorChain<&Memory>) -> u64 {
    let ranges = chain.filter(|range| range.is_write_only()).take(MAX_RANGES);
    ranges.map(|range| memory::release(memory, range.addr().0, u64::from(range.len()))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn runs_have_all_pages_and_no_others(pages in prop::collection::vec(0u32..30, 0..40)) {
            let found: Vec<_> = runs(pages.iter().copied()).collect();
            let mut all: Vec<u64> = found.iter().flat_map(|(first, count)| u64::from(*first)..u64::from(*first) + count).collect();
            all.sort_unstable();
            let mut sorted: Vec<u64> = pages.into_iter().map(u64::from).collect();
            sorted.sort_unstable();
            prop_assert_eq!(all, sorted);
        }
    }

    #[test]
    fn pages_that_follow_each_other_are_one_run() {
        assert_eq!(runs([5, 6, 7, 3, 2, 9].into_iter()).collect::<Vec<_>>(), [(5, 3), (2, 2), (9, 1)]);
        assert_eq!(runs([u32::MAX, 0].into_iter()).collect::<Vec<_>>(), [(u32::MAX, 1), (0, 1)]);
    }
}
