//! MADT: one local APIC per vCPU and the I/O APIC. No 8259 (flags are 0). Written out here because the flags word and
//! the x2APIC entries are ours to choose; all vCPUs have APIC ids below 255.

use super::{OEM, OEM_REVISION, OEM_TABLE};
use crate::memory::layout;
use acpi_tables::sdt::Sdt;

/// The table for `vcpus` vCPUs.
pub fn table(vcpus: u32) -> Vec<u8> {
    let mut table = Sdt::new(*b"APIC", 36, 6, OEM, OEM_TABLE, OEM_REVISION);
    table.append(layout::LAPIC);
    table.append(0u32);
    for id in 0..vcpus as u8 {
        // Processor local APIC: type 0, length 8, uid, APIC id, enabled.
        table.append_slice(&[0, 8, id, id, 1, 0, 0, 0]);
    }
    // I/O APIC: type 1, length 12, id 0, address, first interrupt 0.
    table.append_slice(&[1, 12, 0, 0]);
    table.append(layout::IOAPIC);
    table.append(0u32);
    table.as_slice().to_vec()
}
