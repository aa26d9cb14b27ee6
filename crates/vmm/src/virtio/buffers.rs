//! The buffers of a descriptor chain as slices of guest memory, checked: what the device reads comes before what it
//! writes (virtio 1.2, 2.7.4.2), all of it is memory, and there is a bound on their number and bytes.

use crate::memory::Memory;
use virtio_queue::DescriptorChain;
use vm_memory::{Bytes, GuestAddress, GuestMemoryBackend, VolatileSlice};

/// Why a chain is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// A readable buffer behind a writable one.
    #[error("a chain has a readable buffer behind a writable one")]
    Order,
    /// An address without memory.
    #[error("a chain names an address without memory")]
    Address,
    /// Too long.
    #[error("a chain is longer than its device takes")]
    TooLong,
}

/// Most buffers of a chain, direct or indirect.
const MAX_BUFFERS: usize = 1024;

/// A chain's buffers.
#[derive(Debug, Default)]
pub struct Buffers<'m> {
    /// What the device reads.
    pub readable: Vec<VolatileSlice<'m>>,
    /// What the device writes.
    pub writable: Vec<VolatileSlice<'m>>,
}

impl<'m> Buffers<'m> {
    /// Collects the buffers of `chain`, at most `limit` bytes for each direction.
    pub fn collect<T>(memory: &'m Memory, chain: DescriptorChain<T>, limit: usize) -> Result<Self, ChainError>
    where
        T: std::ops::Deref<Target = Memory>,
    {
        let mut buffers = Self::default();
        let (mut read, mut written) = (0, 0);
        for descriptor in chain {
            let length = descriptor.len() as usize;
            let (list, total) = if descriptor.is_write_only() {
                (&mut buffers.writable, &mut written)
            } else if buffers.writable.is_empty() {
                (&mut buffers.readable, &mut read)
            } else {
                return Err(ChainError::Order);
            };
            *total += length;
            if *total > limit || list.len() >= MAX_BUFFERS {
                return Err(ChainError::TooLong);
            }
            append(list, memory, descriptor.addr(), length)?;
        }
        Ok(buffers)
    }
}

/// A buffer may cross from one region of memory to the next: it is then two slices.
fn append<'m>(
    list: &mut Vec<VolatileSlice<'m>>,
    memory: &'m Memory,
    address: GuestAddress,
    length: usize,
) -> Result<(), ChainError> {
    if length == 0 {
        return Ok(());
    }
    for slice in GuestMemoryBackend::get_slices(memory, address, length) {
        list.push(slice.map_err(|_| ChainError::Address)?);
    }
    Ok(())
}

/// Bytes of `slices`.
pub fn total(slices: &[VolatileSlice<'_>]) -> usize {
    slices.iter().map(VolatileSlice::len).sum()
}

/// Splits `count` bytes off the front; nothing when there are fewer.
pub fn split_front<'m>(slices: &mut Vec<VolatileSlice<'m>>, count: usize) -> Option<Vec<VolatileSlice<'m>>> {
    let mut front = Vec::new();
    let mut missing = count;
    let mut rest = std::mem::take(slices).into_iter();
    for slice in rest.by_ref() {
        if slice.len() > missing {
            front.push(slice.subslice(0, missing).ok()?);
            slices.push(slice.subslice(missing, slice.len() - missing).ok()?);
            missing = 0;
            break;
        }
        missing -= slice.len();
        front.push(slice);
        if missing == 0 {
            break;
        }
    }
    slices.extend(rest);
    (missing == 0).then_some(front)
}

/// Reads `data` from the front of `slices`; gives how many bytes there were.
pub fn read(slices: &[VolatileSlice<'_>], data: &mut [u8]) -> usize {
    let mut done = 0;
    for slice in slices {
        let count = slice.len().min(data.len() - done);
        slice.copy_to(&mut data[done..done + count]);
        done += count;
    }
    done
}

/// Writes `data` to the front of `slices`; gives how many bytes fitted.
pub fn write(slices: &[VolatileSlice<'_>], data: &[u8]) -> usize {
    let mut done = 0;
    for slice in slices {
        let count = slice.len().min(data.len() - done);
        slice.copy_from(&data[done..done + count]);
        done += count;
    }
    done
}

/// Only here so that a slice's bytes can be written one by one.
pub fn write_byte(slices: &[VolatileSlice<'_>], value: u8) -> bool {
    slices.first().is_some_and(|slice| slice.write_slice(&[value], 0).is_ok())
}
