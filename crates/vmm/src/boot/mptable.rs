//! The table of the MultiProcessor Specification 1.4. A kernel with ACPI doesn't use it, but looks for its pointer
//! early and slowly, by mapping 16 bytes at a time: where the pointer is the first thing it looks at, that takes no
//! time (0.2 s less on hosts where a guest's page-table changes are emulated). With `acpi=off` it tells the vCPUs.

use crate::memory::{Memory, layout};
use vm_memory::{Bytes, GuestAddress, GuestMemoryError};

const APIC_VERSION: u8 = 0x14;
const IOAPIC_VERSION: u8 = 0x11;
const ISA_BUS: u8 = 0;
/// Interrupts that the ISA bus has.
const ISA_INTERRUPTS: u8 = 16;

/// Writes pointer and table for `vcpus` vCPUs.
pub fn write(memory: &Memory, vcpus: u32) -> Result<(), GuestMemoryError> {
    memory.write_slice(&pointer(), GuestAddress(layout::MP_POINTER))?;
    memory.write_slice(&table(vcpus as u8), GuestAddress(layout::MP_TABLE))
}

/// The floating pointer (4.1): length in paragraphs, revision 4, checksum, no default configuration.
fn pointer() -> [u8; 16] {
    let mut pointer = [0; 16];
    pointer[..4].copy_from_slice(b"_MP_");
    pointer[4..8].copy_from_slice(&(layout::MP_TABLE as u32).to_le_bytes());
    pointer[8..10].copy_from_slice(&[1, 4]);
    pointer[10] = checksum(&pointer);
    pointer
}

/// The configuration table (4.2, 4.3).
fn table(vcpus: u8) -> Vec<u8> {
    let ioapic_id = vcpus;
    let mut entries = Vec::new();
    for id in 0..vcpus {
        // Enabled, and the first one starts.
        let flags = if id == 0 { 3 } else { 1 };
        entries.extend([0, id, APIC_VERSION, flags]);
        entries.extend([0; 16]);
    }
    entries.extend([1, ISA_BUS]);
    entries.extend(b"ISA   ");
    entries.extend([2, ioapic_id, IOAPIC_VERSION, 1]);
    entries.extend(layout::IOAPIC.to_le_bytes());
    for interrupt in 0..ISA_INTERRUPTS {
        entries.extend([3, 0, 0, 0, ISA_BUS, interrupt, ioapic_id, interrupt]);
    }
    // Local interrupts: LINT0 takes the 8259's, LINT1 of all is the NMI.
    entries.extend([4, 3, 0, 0, ISA_BUS, 0, 0, 0]);
    entries.extend([4, 1, 0, 0, ISA_BUS, 0, 0xff, 1]);
    let count = u16::from(vcpus) + 4 + u16::from(ISA_INTERRUPTS);
    let mut table = header(entries.len() as u16, count);
    table.extend(entries);
    table[7] = checksum(&table);
    table
}

fn header(entry_bytes: u16, count: u16) -> Vec<u8> {
    let mut header = b"PCMP".to_vec();
    header.extend((44 + entry_bytes).to_le_bytes());
    header.extend([4, 0]);
    header.extend(b"CUMULET ");
    header.extend(b"MICROVM     ");
    header.extend([0; 6]);
    header.extend(count.to_le_bytes());
    header.extend(layout::LAPIC.to_le_bytes());
    header.extend([0; 4]);
    header
}

/// What makes the sum of all bytes 0.
fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0u8, |sum, byte| sum.wrapping_sub(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointer_and_table_sum_to_zero_and_the_entries_add_up() {
        assert_eq!(checksum(&pointer()), 0);
        for vcpus in 1..=64 {
            let table = table(vcpus);
            assert_eq!(checksum(&table), 0);
            assert_eq!(usize::from(u16::from_le_bytes([table[4], table[5]])), table.len());
            let (mut at, mut count) = (44, 0u16);
            while at < table.len() {
                at += if table[at] == 0 { 20 } else { 8 };
                count += 1;
            }
            assert_eq!((at, count), (table.len(), u16::from_le_bytes([table[34], table[35]])));
        }
    }
}
