//! VMClock: a page of guest memory that tells of breaks in the guest's time, for its kernel and, mapped, for its
//! programs. Its form is Linux's `include/uapi/linux/vmclock-abi.h`. It gives no time of its own: it says that whatever
//! the guest knew of its counter's relation to real time holds no longer, and that it may be one of several who went on
//! from the same moment. Both are said anew at each restore and fork.
//!
//! The page is all the state there is, and it is saved with memory. A guest that writes nonsense to it is told nonsense.

use crate::memory::{Memory, layout};
use std::sync::atomic::{Ordering, fence};
use vm_memory::{Bytes, GuestAddress, GuestMemoryError};

/// Bytes of the page.
pub const SIZE: u64 = 4096;

/// `VCLK`.
const MAGIC: u32 = 0x4b4c_4356;
const VERSION: u16 = 1;
/// No counter is described.
const COUNTER_INVALID: u8 = 0xff;
/// [`GENERATION`] means something.
const GENERATION_PRESENT: u64 = 1 << 8;
/// Changes are told of by an event.
const NOTIFICATION_PRESENT: u64 = 1 << 9;

/// Places of the fields. The status of the clock stays 0, which is unknown.
const COUNTER_ID: u64 = 10;
/// Odd while something changes.
const SEQUENCE: u64 = 12;
/// Another number after each break.
const DISRUPTION: u64 = 16;
const FLAGS: u64 = 24;
/// Another number after each restore.
const GENERATION: u64 = 104;

fn at(field: u64) -> GuestAddress {
    GuestAddress(layout::CLOCK + field)
}

/// Puts the page of a new machine into its memory.
pub fn write(memory: &Memory) -> Result<(), GuestMemoryError> {
    memory.write_slice(&[0; SIZE as usize], at(0))?;
    memory.write_obj(MAGIC.to_le(), at(0))?;
    memory.write_obj((SIZE as u32).to_le(), at(4))?;
    memory.write_obj(VERSION.to_le(), at(8))?;
    memory.write_obj(COUNTER_INVALID, at(COUNTER_ID))?;
    memory.write_obj((GENERATION_PRESENT | NOTIFICATION_PRESENT).to_le(), at(FLAGS))
}

/// Says that time broke off and that the machine was restored. If the guest can read it already, raise
/// [`crate::devices::power::EVENT_CLOCK`] afterwards. A machine without such a page is left as it is.
pub fn disrupt(memory: &Memory) -> Result<(), GuestMemoryError> {
    if u32::from_le(memory.read_obj(at(0))?) != MAGIC {
        return Ok(());
    }
    let sequence = u32::from_le(memory.read_obj(at(SEQUENCE))?) & !1;
    memory.write_obj((sequence | 1).to_le(), at(SEQUENCE))?;
    fence(Ordering::Release);
    for field in [DISRUPTION, GENERATION] {
        let number = u64::from_le(memory.read_obj(at(field))?);
        memory.write_obj(number.wrapping_add(1).to_le(), at(field))?;
    }
    fence(Ordering::Release);
    memory.write_obj(sequence.wrapping_add(2).to_le(), at(SEQUENCE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> Memory {
        Memory::from_ranges(&[(GuestAddress(0), 1 << 20)]).unwrap()
    }

    fn page(memory: &Memory) -> Vec<u8> {
        let mut page = vec![0; SIZE as usize];
        memory.read_slice(&mut page, at(0)).unwrap();
        page
    }

    #[test]
    fn a_new_page_says_what_it_is_and_knows_no_time() {
        let memory = memory();
        write(&memory).unwrap();
        let page = page(&memory);
        assert_eq!(page[..16], [b'V', b'C', b'L', b'K', 0, 0x10, 0, 0, 1, 0, 0xff, 0, 0, 0, 0, 0]);
        assert_eq!(page[16..32], [0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0]);
        assert!(page[32..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn every_break_changes_both_numbers_and_ends_even() {
        let memory = memory();
        write(&memory).unwrap();
        // As if it was saved in the middle of a change.
        memory.write_obj(7u32, at(SEQUENCE)).unwrap();
        memory.write_obj(u64::MAX, at(DISRUPTION)).unwrap();
        for (sequence, disruption, generation) in [(8, 0, 1), (10, 1, 2)] {
            disrupt(&memory).unwrap();
            assert_eq!(memory.read_obj::<u32>(at(SEQUENCE)).unwrap(), sequence);
            assert_eq!(memory.read_obj::<u64>(at(DISRUPTION)).unwrap(), disruption);
            assert_eq!(memory.read_obj::<u64>(at(GENERATION)).unwrap(), generation);
        }
    }

    #[test]
    fn memory_without_such_a_page_is_left_alone() {
        let memory = memory();
        disrupt(&memory).unwrap();
        assert_eq!(page(&memory), [0; SIZE as usize]);
    }
}
