//! The initial RAM disk: at the upper end of the memory that a kernel takes one from.

use super::{BootError, Ramdisk};
use crate::memory::{Memory, layout};
use linux_loader::loader::bootparam::setup_header;
use std::fs::File;
use vm_memory::{Bytes, GuestAddress};

const PAGE: u64 = 4096;

/// Reads the RAM disk into the highest place that fits.
pub fn load(
    memory: &Memory,
    initrd: Option<File>,
    kernel_end: u64,
    header: Option<&setup_header>,
    memory_bytes: u64,
) -> Result<Option<Ramdisk>, BootError> {
    let low = memory_bytes.min(layout::HOLE_START);
    let size = match &initrd {
        Some(file) => file.metadata().map_err(BootError::ReadInitrd)?.len(),
        None => 0,
    };
    let most = header.map_or(u64::from(u32::MAX), |header| u64::from(header.initrd_addr_max));
    let address = place(low, most, kernel_end, size).ok_or(BootError::Space {
        memory: low,
        kernel_end,
        initrd: size,
    })?;
    let Some(mut file) = initrd.filter(|_| size > 0) else { return Ok(None) };
    std::io::Seek::rewind(&mut file).map_err(BootError::ReadInitrd)?;
    memory
        .read_exact_volatile_from(GuestAddress(address), &mut file, size as usize)
        .map_err(|error| BootError::ReadInitrd(std::io::Error::other(error)))?;
    Ok(Some(Ramdisk { address, size }))
}

/// The page-aligned start of `size` bytes that end before `low` and at `most` at the latest, behind the kernel.
fn place(low: u64, most: u64, kernel_end: u64, size: u64) -> Option<u64> {
    let end = low.min(most.saturating_add(1));
    let start = end.checked_sub(size)? / PAGE * PAGE;
    (start >= kernel_end).then_some(start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_placed_ramdisk_is_inside_memory_and_behind_the_kernel(
            low in 0u64..(3 << 30), most in 0u64..u64::MAX, kernel_end in 0u64..(1 << 30), size in 0u64..(1 << 31),
        ) {
            if let Some(start) = place(low, most, kernel_end, size) {
                prop_assert_eq!(start % PAGE, 0);
                prop_assert!(start >= kernel_end && start + size <= low);
                prop_assert!(size == 0 || start + size - 1 <= most);
            }
        }
    }
}
