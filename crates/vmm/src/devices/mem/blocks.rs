//! Which blocks of the region are memory. `unplugged <-> plugged`, each at the driver's request: never more than were
//! asked for, and only inside the part of the region that is usable now. That part grows with what is asked for, and
//! shrinks only when the driver gives all back.

use super::request::{Answer, Range, Request, State};
use crate::snapshot::part::PartError;
use serde::{Deserialize, Serialize};

/// Bytes of a block: a huge page, so that plugged memory can be of those and each block can go back alone.
pub const BLOCK: u64 = 2 << 20;
/// What is usable beyond what is asked for: a driver works with the guest's own, larger blocks.
const EXTENT: u64 = 256 << 20;

/// The blocks of a region.
#[derive(Debug)]
pub struct Blocks {
    /// Guest-physical begin of the region.
    start: u64,
    plugged: Vec<bool>,
    plugged_count: u64,
    /// Bytes that shall be plugged.
    requested: u64,
    /// Bytes that can be.
    usable: u64,
}

/// As they are saved.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlocksState {
    start: u64,
    size: u64,
    requested: u64,
    usable: u64,
    /// First block and number of each run of plugged ones.
    plugged: Vec<(u64, u64)>,
}

impl Blocks {
    /// None plugged. Both numbers are multiples of [`BLOCK`].
    pub fn new(start: u64, size: u64) -> Self {
        debug_assert!(start.is_multiple_of(BLOCK) && size.is_multiple_of(BLOCK));
        let plugged = vec![false; (size / BLOCK) as usize];
        Self { start, plugged, plugged_count: 0, requested: 0, usable: 0 }
    }

    /// Bytes of the region.
    pub fn size(&self) -> u64 {
        self.plugged.len() as u64 * BLOCK
    }

    /// Bytes that shall be plugged.
    pub fn requested(&self) -> u64 {
        self.requested
    }

    /// Bytes that are plugged.
    pub fn plugged(&self) -> u64 {
        self.plugged_count * BLOCK
    }

    /// Asks for so many bytes, a multiple of [`BLOCK`] and no more than the region has.
    pub fn request(&mut self, bytes: u64) {
        debug_assert!(bytes <= self.size() && bytes.is_multiple_of(BLOCK));
        self.requested = bytes;
        self.usable = self.usable.max(self.wanted());
    }

    /// What should be usable for what is asked for.
    fn wanted(&self) -> u64 {
        match self.requested {
            0 => 0,
            bytes => bytes.saturating_add(EXTENT).min(self.size()),
        }
    }

    /// Ranges (start, bytes) of plugged blocks, in order.
    pub fn plugged_ranges(&self) -> Vec<(u64, u64)> {
        let runs = self.runs().into_iter();
        runs.map(|(first, count)| (self.start + first * BLOCK, count * BLOCK)).collect()
    }

    fn runs(&self) -> Vec<(u64, u64)> {
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for block in (0..).zip(&self.plugged).filter_map(|(block, plugged)| plugged.then_some(block)) {
            match runs.last_mut() {
                Some((first, count)) if *first + *count == block => *count += 1,
                _ => runs.push((block, 1)),
            }
        }
        runs
    }

    /// Does what a driver asks. Gives the answer, and ranges (start, bytes) that are no memory any more.
    pub fn answer(&mut self, request: Request) -> (Answer, Vec<(u64, u64)>) {
        match request {
            Request::Plug(range) => (self.plug(range), Vec::new()),
            Request::Unplug(range) => match self.find(range) {
                Some((blocks, State::Plugged)) => {
                    self.set(blocks, false);
                    (Answer::Done, vec![(range.address, u64::from(range.blocks) * BLOCK)])
                }
                _ => (Answer::Wrong, Vec::new()),
            },
            Request::UnplugAll => {
                let gone = self.plugged_ranges();
                self.set(0..self.plugged.len(), false);
                self.usable = self.wanted();
                (Answer::Done, gone)
            }
            Request::State(range) => {
                (self.find(range).map_or(Answer::Wrong, |(_, state)| Answer::State(state)), Vec::new())
            }
        }
    }

    fn plug(&mut self, range: Range) -> Answer {
        match self.find(range) {
            Some((blocks, State::Unplugged)) => {
                if self.plugged() + u64::from(range.blocks) * BLOCK > self.requested {
                    return Answer::Refused;
                }
                self.set(blocks, true);
                Answer::Done
            }
            _ => Answer::Wrong,
        }
    }

    /// The blocks of a range that lies in the usable part, and what they are.
    fn find(&self, range: Range) -> Option<(std::ops::Range<usize>, State)> {
        let offset = range.address.checked_sub(self.start)?;
        let end = offset.checked_add(u64::from(range.blocks) * BLOCK)?;
        if range.blocks == 0 || !offset.is_multiple_of(BLOCK) || end > self.usable {
            return None;
        }
        let blocks = (offset / BLOCK) as usize..(end / BLOCK) as usize;
        let plugged = self.plugged[blocks.clone()].iter().filter(|plugged| **plugged).count();
        let state = match plugged {
            0 => State::Unplugged,
            all if all == blocks.len() => State::Plugged,
            _ => State::Mixed,
        };
        Some((blocks, state))
    }

    fn set(&mut self, blocks: std::ops::Range<usize>, plugged: bool) {
        self.plugged[blocks].fill(plugged);
        self.plugged_count = self.plugged.iter().filter(|plugged| **plugged).count() as u64;
    }

    /// Configuration space (virtio 1.2, 5.15.4). Node and padding are 0.
    pub fn space(&self) -> [u8; 56] {
        let mut space = [0; 56];
        for (at, value) in [
            (0, BLOCK),
            (16, self.start),
            (24, self.size()),
            (32, self.usable),
            (40, self.plugged()),
            (48, self.requested),
        ] {
            space[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        space
    }

    /// What is saved.
    pub fn save(&self) -> BlocksState {
        BlocksState {
            start: self.start,
            size: self.size(),
            requested: self.requested,
            usable: self.usable,
            plugged: self.runs(),
        }
    }

    /// Takes on what was saved of a region in the same place.
    pub fn restore(&mut self, saved: BlocksState) -> Result<(), PartError> {
        if (saved.start, saved.size) != (self.start, self.size()) {
            let (size, start) = (saved.size >> 20, saved.start);
            return Err(PartError::new(format!("it was saved with {size} MiB at {start:#x}")));
        }
        let fits = |bytes: u64| bytes <= saved.size && bytes.is_multiple_of(BLOCK);
        let mut free = 0;
        let in_order = saved.plugged.iter().all(|&(first, count)| {
            let end = first.checked_add(count).filter(|_| first >= free && count > 0);
            free = end.unwrap_or(u64::MAX);
            free <= saved.usable / BLOCK
        });
        if !fits(saved.requested) || !fits(saved.usable) || !in_order {
            return Err(PartError::new("its blocks are plugged as no driver can"));
        }
        (self.requested, self.usable) = (saved.requested, saved.usable);
        for (first, count) in saved.plugged {
            self.set(first as usize..(first + count) as usize, true);
        }
        Ok(())
    }
}
