//! One request of the block device (virtio 1.2, 5.2.6): a header of 16 bytes, data, and a status byte at the end.
//! Everything in it is the guest's and may be nonsense.
//!
//! There is no write that is durable by itself (FUA) in the protocol: Linux sends a flush behind such a write, so a
//! flush is all that durability rests on.

use super::config::{MAX_DISCARD_SECTORS, MAX_DISCARD_SEGMENTS};
use super::metrics::{BlockMetrics, add};
use super::open::{Open, Outcome};
use super::ticket::{Kind, Ticket};
use super::{BlockConfig, SECTOR};
use crate::memory::Memory;
use crate::virtio::Buffers;
use crate::virtio::buffers::{read, split_front, total, write};
use std::io;
use virtio_queue::DescriptorChain;
use vm_memory::VolatileSlice;

const IN: u32 = 0;
const OUT: u32 = 1;
const FLUSH: u32 = 4;
const GET_ID: u32 = 8;
const DISCARD: u32 = 11;
const WRITE_ZEROES: u32 = 13;

const HEADER: usize = 16;
const SEGMENT: usize = 16;
/// Most bytes of a request in each direction. Linux asks for 1.3 MB at once.
const MAX_BYTES: usize = 64 << 20;

/// What the guest is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    /// Done.
    Ok = 0,
    /// Failed, or asked for nonsense.
    IoError = 1,
    /// Not a request that this device knows.
    Unsupported = 2,
}

/// The disk as requests see it.
#[derive(Debug)]
pub struct Disk<'d> {
    /// The files, unless they were closed.
    pub open: Option<&'d mut Open>,
    /// In sectors.
    pub capacity: u64,
    /// Serial number and access.
    pub config: &'d BlockConfig,
    /// Counters.
    pub metrics: &'d BlockMetrics,
    /// Bytes read and written since this was last looked at, also those that failed.
    pub moved: u64,
}

/// A request that is not nonsense by its form.
struct Request<'m> {
    memory: &'m Memory,
    ticket: Ticket,
    out: Vec<VolatileSlice<'m>>,
    data_in: Vec<VolatileSlice<'m>>,
}

impl Disk<'_> {
    /// Serves a chain of queue `queue`: gives what was written to it, or nothing if it is under way. A chain that can't
    /// even hold a header and a status is put back without an answer.
    pub fn serve(&mut self, memory: &Memory, queue: usize, chain: DescriptorChain<&Memory>) -> Option<u32> {
        let head = chain.head_index();
        let Some((header, request)) = take_apart(memory, queue, head, chain) else {
            add(&self.metrics.errors, 1);
            return Some(0);
        };
        let ticket = request.ticket;
        let (status, written) = match header {
            Some(header) => self.execute(header, request)?,
            None => (Status::IoError, 0),
        };
        if status != Status::Ok {
            add(&self.metrics.errors, 1);
        }
        ticket.answer(status);
        Some(written + 1)
    }

    fn execute(&mut self, header: [u8; HEADER], mut request: Request<'_>) -> Option<(Status, u32)> {
        let kind = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
        let sector = u64::from_le_bytes(std::array::from_fn(|index| header[8 + index]));
        let done = match kind {
            GET_ID => return Some((Status::Ok, write(&request.data_in, &self.config.serial) as u32)),
            OUT | FLUSH | DISCARD | WRITE_ZEROES if self.config.read_only => {
                return Some((Status::IoError, 0));
            }
            DISCARD | WRITE_ZEROES => match self.discard(&request.out, kind == WRITE_ZEROES) {
                Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                    return Some((Status::Unsupported, 0));
                }
                result => return Some((status(&result), 0)),
            },
            IN => self.read(sector, &mut request),
            OUT => self.write(sector, &mut request),
            FLUSH => self.flush(&mut request),
            _ => return Some((Status::Unsupported, 0)),
        };
        match done {
            Ok(Outcome::UnderWay) => None,
            Ok(Outcome::Done) => Some((Status::Ok, request.ticket.succeeded(self.metrics))),
            Err(_) => Some((Status::IoError, 0)),
        }
    }

    fn read(&mut self, sector: u64, request: &mut Request<'_>) -> io::Result<Outcome> {
        let length = total(&request.data_in) as u64;
        let offset = self.offset(sector, length)?;
        self.moved += length;
        request.ticket.kind = Kind::Read(length as u32);
        self.open()?.read(request.ticket, request.memory, &request.data_in, offset)
    }

    fn write(&mut self, sector: u64, request: &mut Request<'_>) -> io::Result<Outcome> {
        let length = total(&request.out) as u64;
        let offset = self.offset(sector, length)?;
        self.moved += length;
        request.ticket.kind = Kind::Write(length as u32);
        self.open()?.write(request.ticket, request.memory, &request.out, offset)
    }

    /// Everything that was answered before is on the host's disk when this is answered.
    fn flush(&mut self, request: &mut Request<'_>) -> io::Result<Outcome> {
        request.ticket.kind = Kind::Flush;
        self.open()?.flush(request.ticket, request.memory)
    }

    fn discard(&mut self, segments: &[VolatileSlice<'_>], zero: bool) -> io::Result<()> {
        let length = total(segments);
        if length == 0 || !length.is_multiple_of(SEGMENT) || length > MAX_DISCARD_SEGMENTS as usize * SEGMENT
        {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut bytes = vec![0; length];
        read(segments, &mut bytes);
        for segment in bytes.chunks_exact(SEGMENT) {
            let sector = u64::from_le_bytes(std::array::from_fn(|index| segment[index]));
            let count = u32::from_le_bytes(std::array::from_fn(|index| segment[8 + index]));
            let flags = u32::from_le_bytes(std::array::from_fn(|index| segment[12 + index]));
            // Only zeroes may be asked to be unmapped, and there are no other flags (virtio 1.2, 5.2.6.2).
            if flags & !u32::from(zero) != 0 {
                return Err(io::ErrorKind::Unsupported.into());
            }
            if count > MAX_DISCARD_SECTORS {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            self.discard_one(sector, u64::from(count) * SECTOR, zero)?;
            add(&self.metrics.discard_ops, 1);
        }
        Ok(())
    }

    fn discard_one(&mut self, sector: u64, length: u64, zero: bool) -> io::Result<()> {
        let offset = self.offset(sector, length)?;
        self.open()?.discard(offset, length, zero)
    }

    fn open(&mut self) -> io::Result<&mut Open> {
        self.open.as_deref_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Bytes from the begin, if all of `length` bytes at `sector` is on the disk and whole sectors.
    fn offset(&self, sector: u64, length: u64) -> io::Result<u64> {
        let end = sector.checked_add(length / SECTOR).filter(|end| *end <= self.capacity);
        if end.is_none() || !length.is_multiple_of(SECTOR) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(sector * SECTOR)
    }
}

fn take_apart<'m>(
    memory: &'m Memory,
    queue: usize,
    head: u16,
    chain: DescriptorChain<&Memory>,
) -> Option<(Option<[u8; HEADER]>, Request<'m>)> {
    let Buffers { readable: mut out, writable: mut data_in } =
        Buffers::collect(memory, chain, MAX_BYTES).ok()?;
    // The status is the last byte (virtio 1.2, 5.2.6).
    let last = data_in.pop()?;
    let status = last.len().checked_sub(1)?;
    if status > 0 {
        data_in.push(last.subslice(0, status).ok()?);
    }
    let ticket = Ticket::new(queue, head, last.subslice(status, 1).ok()?);
    let header = split_front(&mut out, HEADER).map(|header| {
        let mut bytes = [0; HEADER];
        read(&header, &mut bytes);
        bytes
    });
    Some((header, Request { memory, ticket, out, data_in }))
}

fn status(result: &io::Result<()>) -> Status {
    if result.is_ok() { Status::Ok } else { Status::IoError }
}
