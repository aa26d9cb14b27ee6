//! One request of the block device (virtio 1.2, 5.2.6): a header of 16 bytes, data, and a status byte at the end.
//! Everything in it is the guest's and may be nonsense.

use super::config::{MAX_DISCARD_SECTORS, MAX_DISCARD_SEGMENTS};
use super::metrics::{BlockMetrics, add};
use super::{BlockConfig, Image, SECTOR};
use crate::memory::Memory;
use crate::virtio::Buffers;
use crate::virtio::buffers::{read, split_front, total, write, write_byte};
use imago::io_buffers::{IoVector, IoVectorMut};
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
    /// The file, unless it was closed.
    pub image: Option<&'d mut Image>,
    /// In sectors.
    pub capacity: u64,
    /// Serial number and access.
    pub config: &'d BlockConfig,
    /// Counters.
    pub metrics: &'d BlockMetrics,
    /// Bytes read and written since this was last looked at, also those that failed.
    pub moved: u64,
}

impl Disk<'_> {
    /// Serves a chain. One that can't even hold a header and a status is put back without an answer.
    pub fn serve(&mut self, memory: &Memory, chain: DescriptorChain<&Memory>) -> u32 {
        let written = self.try_serve(memory, chain);
        if written.is_none() {
            add(&self.metrics.errors, 1);
        }
        written.unwrap_or(0)
    }

    fn try_serve(&mut self, memory: &Memory, chain: DescriptorChain<&Memory>) -> Option<u32> {
        let Buffers { mut readable, mut writable } = Buffers::collect(memory, chain, MAX_BYTES).ok()?;
        let length = total(&writable).checked_sub(1)?;
        let data_in = split_front(&mut writable, length)?;
        let header = split_front(&mut readable, HEADER);
        let (status, written) = match header {
            Some(header) => self.execute(&header, &readable, &data_in),
            None => (Status::IoError, 0),
        };
        if status != Status::Ok {
            add(&self.metrics.errors, 1);
        }
        write_byte(&writable, status as u8).then_some(written + 1)
    }

    fn execute(
        &mut self,
        header: &[VolatileSlice<'_>],
        out: &[VolatileSlice<'_>],
        data_in: &[VolatileSlice<'_>],
    ) -> (Status, u32) {
        let mut bytes = [0; HEADER];
        read(header, &mut bytes);
        let kind = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let sector = u64::from_le_bytes(std::array::from_fn(|index| bytes[8 + index]));
        match kind {
            IN => match self.read(sector, data_in) {
                Ok(()) => (Status::Ok, total(data_in) as u32),
                Err(_) => (Status::IoError, 0),
            },
            GET_ID => (Status::Ok, write(data_in, &self.config.serial) as u32),
            OUT | FLUSH | DISCARD | WRITE_ZEROES if self.config.read_only => (Status::IoError, 0),
            OUT => (status(self.write(sector, out)), 0),
            FLUSH => (status(self.flush()), 0),
            DISCARD | WRITE_ZEROES => match self.discard(out, kind == WRITE_ZEROES) {
                Err(error) if error.kind() == io::ErrorKind::Unsupported => (Status::Unsupported, 0),
                result => (status(result), 0),
            },
            _ => (Status::Unsupported, 0),
        }
    }

    fn read(&mut self, sector: u64, data: &[VolatileSlice<'_>]) -> io::Result<()> {
        let offset = self.offset(sector, total(data) as u64)?;
        self.moved += total(data) as u64;
        let (vector, _guard) = IoVectorMut::from_volatile_slice(data);
        self.image()?.readv(vector, offset)?;
        add(&self.metrics.read_ops, 1);
        add(&self.metrics.read_bytes, total(data) as u64);
        Ok(())
    }

    fn write(&mut self, sector: u64, data: &[VolatileSlice<'_>]) -> io::Result<()> {
        let offset = self.offset(sector, total(data) as u64)?;
        self.moved += total(data) as u64;
        let (vector, _guard) = IoVector::from_volatile_slice(data);
        self.image()?.writev(vector, offset)?;
        add(&self.metrics.write_ops, 1);
        add(&self.metrics.write_bytes, total(data) as u64);
        Ok(())
    }

    /// Everything written before is on the host's disk when this returns.
    fn flush(&mut self) -> io::Result<()> {
        self.image()?.flush()?;
        self.image()?.sync()?;
        add(&self.metrics.flush_ops, 1);
        Ok(())
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
        if zero {
            return self.image()?.write_zeroes(offset, length);
        }
        match self.image()?.discard_to_any(offset, length) {
            // A discard is a hint: a file that can't be made sparse keeps its bytes.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
            result => result,
        }
    }

    fn image(&mut self) -> io::Result<&mut Image> {
        self.image.as_deref_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
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

fn status(result: io::Result<()>) -> Status {
    if result.is_ok() { Status::Ok } else { Status::IoError }
}
