//! A disk's files while they are open, and what serves them.
//!
//! Where imago tells that data is plainly in a file — in a raw image, in a cluster of any layer for reads, in a cluster of
//! the uppermost layer for writes — it is read and written there. What is but a copy from or to the host's page cache is
//! done at once, which costs less than asking for it; what would wait, for a disk or because the host holds writers back
//! ([`super::pace`]), goes by io_uring, many requests at a time. All else is imago's, at once and in the disk's thread:
//! clusters that have to be allocated or unpacked, zeroes, discards. Without io_uring imago does everything.
//!
//! The files are not opened with `O_DIRECT`: machines share the layers beneath theirs, often all of them, and the
//! host's page cache is what makes them read those from a disk once and not once each. What is written is in the host's
//! memory until the guest flushes, as behind a disk's write cache.

use super::flights::{Flights, MOST_PARTS};
use super::pace::Pace;
use super::ticket::Ticket;
use super::transfer::Transfer;
use super::{Image, SECTOR};
use crate::memory::Memory;
use crate::virtio::buffers::{split_front, total};
use cumulet_vmm_protocol::DiskEngine;
use imago::Mapping;
use imago::format::PreallocateMode;
use imago::io_buffers::{IoVector, IoVectorMut};
use std::io;
use std::time::Instant;
use vm_memory::VolatileSlice;
use vmm_sys_util::eventfd::EventFd;

/// What became of a request that was not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// It will be among [`Open::landed`].
    UnderWay,
}

/// Open files and what serves them.
#[derive(Debug)]
pub struct Open {
    /// Nothing where there is no io_uring. Before the image, whose files it uses.
    flights: Option<Flights<Ticket>>,
    pace: Pace,
    /// For tests: nothing is cached.
    cold: bool,
    image: Image,
}

type Slices<'s> = [VolatileSlice<'s>];

impl Open {
    /// Takes an engine for `image`: the one that is `wanted`, or the best there is. `wake` is counted up when requests
    /// that are under way may have landed. `id` names the disk in the log.
    pub fn new(id: &str, image: Image, wanted: Option<DiskEngine>, wake: &EventFd) -> io::Result<Self> {
        let flights = match wanted {
            Some(DiskEngine::Synchronous) => None,
            Some(DiskEngine::IoUring) => Some(Flights::new(wake)?),
            None => Flights::new(wake)
                .inspect_err(|error| {
                    eprintln!(
                        "cumulet-vmm: disk {id}: no io_uring ({error}): requests are served one by one"
                    );
                })
                .ok(),
        };
        Ok(Self { flights, pace: Pace::default(), cold: false, image })
    }

    /// What serves it.
    pub fn engine(&self) -> DiskEngine {
        if self.flights.is_some() { DiskEngine::IoUring } else { DiskEngine::Synchronous }
    }

    /// Bytes of the disk.
    pub fn size(&self) -> u64 {
        self.image.size()
    }

    /// As if the host had nothing in its page cache and held writers back.
    #[cfg(test)]
    pub fn hold_back(&mut self) {
        self.cold = true;
        let now = Instant::now();
        self.pace.note(0, now, now + std::time::Duration::from_secs(3600));
    }

    /// The image itself, with nothing under way.
    #[cfg(test)]
    pub fn image(&mut self) -> &Image {
        self.land_all();
        &self.image
    }

    /// Whether another request can be taken now. If not, one that lands counts `wake` up.
    pub fn has_room(&self) -> bool {
        self.flights.as_ref().is_none_or(Flights::has_room)
    }

    /// Reads what is at `offset`.
    pub fn read(
        &mut self,
        ticket: Ticket,
        memory: &Memory,
        data: &Slices<'_>,
        offset: u64,
    ) -> io::Result<Outcome> {
        let Some(flights) = &mut self.flights else {
            return read_by_imago(&self.image, data, offset).map(|()| Outcome::Done);
        };
        let (mut parts, mut rest, mut at) = (Vec::new(), data.to_vec(), offset);
        let end = offset + total(data) as u64;
        while at < end {
            let (mapping, length) = self.image.get_mapping(at, end - at)?;
            // At the image's end no length is given; what is behind it is zero.
            let length = if length == 0 { end - at } else { length };
            let part = split_front(&mut rest, length as usize).ok_or(io::ErrorKind::InvalidData)?;
            match mapping {
                Mapping::Raw { storage, offset, .. } if parts.len() < MOST_PARTS => {
                    parts.push(Transfer::read(storage, offset, &part));
                }
                Mapping::Zero { .. } | Mapping::Eof { .. } => fill_zero(&part),
                _ => read_by_imago(&self.image, &part, at)?,
            }
            at += length;
        }
        // SAFETY: guest memory and the file live during the call.
        parts.retain(|part| self.cold || !unsafe { part.read_cached() });
        Ok(launch(flights, ticket, memory, offset..end, parts))
    }

    /// Writes to what is at `offset`.
    pub fn write(
        &mut self,
        ticket: Ticket,
        memory: &Memory,
        data: &Slices<'_>,
        offset: u64,
    ) -> io::Result<Outcome> {
        let Some(flights) = &mut self.flights else {
            return write_by_imago(&self.image, data, offset).map(|()| Outcome::Done);
        };
        let (mut parts, mut rest, mut at) = (Vec::new(), data.to_vec(), offset);
        let end = offset + total(data) as u64;
        while at < end {
            let (mapping, length) = self.image.get_mapping(at, end - at)?;
            let length = if length == 0 { end - at } else { length };
            let part = split_front(&mut rest, length as usize).ok_or(io::ErrorKind::InvalidData)?;
            match mapping {
                Mapping::Raw { storage, offset, writable: true, .. }
                    if parts.len() < MOST_PARTS && storage.has(offset, length) =>
                {
                    parts.push(Transfer::write(storage, offset, &part));
                }
                _ => {
                    // The mapping changes: nobody may be on the way to where the data is now.
                    flights.settle(at..at + length);
                    write_by_imago(&self.image, &part, at)?;
                }
            }
            at += length;
        }
        let began = Instant::now();
        if !self.pace.is_free(began) {
            return Ok(launch(flights, ticket, memory, offset..end, parts));
        }
        for part in &parts {
            // SAFETY: guest memory and the file live during the call.
            unsafe { part.perform()? };
        }
        self.pace.note(end - offset, began, Instant::now());
        Ok(Outcome::Done)
    }

    /// Makes durable what was answered before. What imago holds back is written first, without waiting for the host's
    /// disk; other requests go on while that is waited for.
    pub fn flush(&mut self, ticket: Ticket, memory: &Memory) -> io::Result<Outcome> {
        self.image.flush()?;
        let Some(flights) = &mut self.flights else { return self.image.sync().map(|()| Outcome::Done) };
        // The uppermost layer is the last, and the only one that is written.
        let files = self.image.inner().collect_storage_dependencies();
        let parts = files.last().map(|file| Transfer::sync(file)).into_iter().collect();
        Ok(launch(flights, ticket, memory, 0..0, parts))
    }

    /// Zeroes a range, or gives it up.
    pub fn discard(&mut self, offset: u64, length: u64, zero: bool) -> io::Result<()> {
        debug_assert!(offset.is_multiple_of(SECTOR));
        if let Some(flights) = &mut self.flights {
            flights.settle(offset..offset + length);
        }
        if zero {
            return self.image.write_zeroes(offset, length);
        }
        match self.image.discard_to_any(offset, length) {
            // A discard is a hint: a file that can't be made sparse keeps its bytes.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
            result => result,
        }
    }

    /// Lets it grow. The files grow with it, if they have not been grown already.
    pub fn grow(&mut self, bytes: u64) -> io::Result<()> {
        self.land_all();
        self.image.resize_grow(bytes, PreallocateMode::None)
    }

    /// Writes to the file what is still held back.
    pub fn write_out(&mut self) -> io::Result<()> {
        self.land_all();
        self.image.flush()?;
        self.image.sync()
    }

    /// Begins all that was asked for, and tells whether that went well; else it is to be called again.
    pub fn submit(&mut self) -> bool {
        self.flights.as_mut().is_none_or(Flights::submit)
    }

    /// Waits for all that is under way.
    pub fn land_all(&mut self) {
        self.flights.iter_mut().for_each(Flights::land_all);
    }

    /// The requests that were under way and are done since this was last called. They are to be answered now, while
    /// guest memory is there.
    pub fn landed(&mut self) -> Vec<(Ticket, io::Result<()>)> {
        self.flights.as_mut().map(Flights::landed).unwrap_or_default()
    }
}

fn launch(
    flights: &mut Flights<Ticket>,
    ticket: Ticket,
    memory: &Memory,
    range: std::ops::Range<u64>,
    parts: Vec<Transfer>,
) -> Outcome {
    if parts.is_empty() {
        return Outcome::Done;
    }
    flights.launch(ticket, memory, range, parts);
    Outcome::UnderWay
}

fn fill_zero(slices: &Slices<'_>) {
    for slice in slices {
        // SAFETY: the slice is guest memory, which lives; the guest may see it half done.
        unsafe { slice.ptr_guard_mut().as_ptr().write_bytes(0, slice.len()) };
    }
}

fn read_by_imago(image: &Image, data: &Slices<'_>, offset: u64) -> io::Result<()> {
    let (vector, _guard) = IoVectorMut::from_volatile_slice(data);
    image.readv(vector, offset)
}

fn write_by_imago(image: &Image, data: &Slices<'_>, offset: u64) -> io::Result<()> {
    let (vector, _guard) = IoVector::from_volatile_slice(data);
    image.writev(vector, offset)
}
