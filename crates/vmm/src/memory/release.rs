//! Gives guest memory back to the host. What is read there afterwards is unspecified: zeroes, or for a restored machine
//! what was saved.

use super::Memory;
use vm_memory::{Address, GuestAddress, GuestMemoryBackend, GuestMemoryRegion};

/// What the host takes back at once: pages of this size, as balloons count them.
pub const PAGE: u64 = 4096;

/// Gives back the whole pages of `length` bytes at `start`; gives how many bytes they had. What is not memory is left
/// out: addresses are the guest's.
pub fn release(memory: &Memory, start: u64, length: u64) -> u64 {
    let first = start.checked_next_multiple_of(PAGE);
    let last = start.checked_add(length).map(|end| end / PAGE * PAGE);
    let (Some(mut at), Some(end)) = (first, last) else { return 0 };
    let mut released = 0;
    while at < end {
        let Some(region) = memory.find_region(GuestAddress(at)) else { break };
        let offset = at - region.start_addr().raw_value();
        let count = (end - at).min(region.len() - offset);
        // SAFETY: the range lies inside a live mapping of guest memory, whose contents nobody here relies on: the
        // guest changes them as it likes.
        let result = unsafe {
            libc::madvise(region.as_ptr().add(offset as usize).cast(), count as usize, libc::MADV_DONTNEED)
        };
        released += if result == 0 { count } else { 0 };
        at += count;
    }
    released
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use vm_memory::Bytes;

    const MIB: u64 = 1 << 20;

    fn memory() -> Memory {
        let memory =
            Memory::from_ranges(&[(GuestAddress(0), 1 << 20), (GuestAddress(4 * MIB), 1 << 20)]).unwrap();
        memory.write_slice(&[7; 1 << 20], GuestAddress(0)).unwrap();
        memory.write_slice(&[7; 1 << 20], GuestAddress(4 * MIB)).unwrap();
        memory
    }

    proptest! {
        #[test]
        fn only_whole_pages_inside_the_range_are_given_back(
            start in prop_oneof![0..6 * MIB, any::<u64>()], length in prop_oneof![0..2 * MIB, any::<u64>()],
        ) {
            let memory = memory();
            let released = release(&memory, start, length);
            let mut gone = 0;
            for page in (0..MIB).chain(4 * MIB..5 * MIB).step_by(PAGE as usize) {
                let byte: u8 = memory.read_obj(GuestAddress(page)).unwrap();
                let inside = page >= start && page.checked_add(PAGE).is_some_and(|end| end - start <= length);
                prop_assert!(byte == 7 || inside, "{page:#x}");
                gone += if byte == 0 { PAGE } else { 0 };
            }
            prop_assert_eq!(gone, released);
        }
    }
}
