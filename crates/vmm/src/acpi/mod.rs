//! ACPI tables of a hardware-reduced platform (ACPI 6.5, 4.1): no PM1 block and no SCI, but a sleep control register
//! and a generic event device. RSDP, XSDT, FADT, MADT, MCFG and DSDT are written one behind the other.

mod dsdt;
mod events;
mod fadt;
mod madt;
mod slots;

use crate::memory::{Memory, layout};
use acpi_tables::mcfg::MCFG;
use acpi_tables::rsdp::Rsdp;
use acpi_tables::xsdt::XSDT;
use acpi_tables::{Aml, AmlSink, aml};
use vm_memory::{Bytes, GuestAddress, GuestMemoryError};

const OEM: [u8; 6] = *b"CUMLET";
const OEM_TABLE: [u8; 8] = *b"CUMULET ";
const OEM_REVISION: u32 = 1;

/// What the tables depend on.
#[derive(Debug, Clone, Copy)]
pub struct AcpiInfo {
    /// Number of vCPUs; their APIC ids count from 0.
    pub vcpus: u32,
    /// Bytes of guest memory.
    pub memory_bytes: u64,
    /// Bytes that can be plugged beyond that.
    pub pluggable_bytes: u64,
    /// Whether there is a generation ID.
    pub generation_id: bool,
}

/// Writes all tables.
pub fn write(memory: &Memory, info: AcpiInfo) -> Result<(), GuestMemoryError> {
    let image = tables(info);
    assert!(image.len() as u64 <= layout::SMBIOS - layout::ACPI, "the tables fit their area");
    memory.write_slice(&image, GuestAddress(layout::ACPI))
}

/// The bytes of all tables, as they lie from [`layout::ACPI`] on.
fn tables(info: AcpiInfo) -> Vec<u8> {
    let mut image = vec![0; Rsdp::len().next_multiple_of(16)];
    let dsdt = append(&mut image, &dsdt::table(info));
    let mut xsdt = XSDT::new(OEM, OEM_TABLE, OEM_REVISION);
    xsdt.add_entry(append(&mut image, &bytes(&fadt::table(dsdt))));
    xsdt.add_entry(append(&mut image, &madt::table(info.vcpus)));
    let mut mcfg = MCFG::new(OEM, OEM_TABLE, OEM_REVISION);
    mcfg.add_ecam(layout::ECAM, 0, 0, 0);
    xsdt.add_entry(append(&mut image, &bytes(&mcfg)));
    let xsdt = append(&mut image, &bytes(&xsdt));
    let rsdp = bytes(&Rsdp::new(OEM, xsdt));
    image[..rsdp.len()].copy_from_slice(&rsdp);
    image
}

/// Appends a table at the next 16-byte boundary and gives its guest-physical address.
fn append(image: &mut Vec<u8>, table: &[u8]) -> u64 {
    image.resize(image.len().next_multiple_of(16), 0);
    let address = layout::ACPI + image.len() as u64;
    image.extend(table);
    address
}

fn bytes(table: &dyn Aml) -> Vec<u8> {
    let mut bytes = Vec::new();
    table.to_aml_bytes(&mut bytes);
    bytes
}

/// A piece that is bytes already: so pieces can be made in a loop and put together.
struct Made(Vec<u8>);

impl Made {
    fn of(piece: &dyn Aml) -> Self {
        Self(bytes(piece))
    }
}

impl Aml for Made {
    fn to_aml_bytes(&self, sink: &mut dyn AmlSink) {
        self.0.iter().for_each(|byte| sink.byte(*byte));
    }
}

/// A path of the namespace.
fn path(name: &str) -> aml::Path {
    aml::Path::new(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sum(bytes: &[u8]) -> u8 {
        bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
    }

    fn table_at(image: &[u8], address: u64) -> &[u8] {
        let start = (address - layout::ACPI) as usize;
        let length = u32::from_le_bytes(image[start + 4..start + 8].try_into().unwrap()) as usize;
        &image[start..start + length]
    }

    fn word(table: &[u8], offset: usize) -> u64 {
        u64::from_le_bytes(table[offset..offset + 8].try_into().unwrap())
    }

    proptest! {
        #[test]
        fn every_table_is_found_from_the_rsdp_and_sums_to_zero(vcpus in 1u32..=64, mib in 64u64..(1 << 20)) {
            let image = tables(AcpiInfo { vcpus, memory_bytes: mib << 20, pluggable_bytes: 0, generation_id: true });
            prop_assert_eq!(&image[..8], b"RSD PTR ");
            prop_assert_eq!(sum(&image[..20]), 0);
            prop_assert_eq!(sum(&image[..36]), 0);
            let xsdt = table_at(&image, word(&image, 24));
            prop_assert_eq!((&xsdt[..4], sum(xsdt)), (&b"XSDT"[..], 0));
            let found: Vec<&[u8]> = (36..xsdt.len()).step_by(8).map(|at| table_at(&image, word(xsdt, at))).collect();
            let names: Vec<&[u8]> = found.iter().map(|table| &table[..4]).collect();
            prop_assert_eq!(names, vec![&b"FACP"[..], b"APIC", b"MCFG"]);
            for table in &found {
                prop_assert_eq!(sum(table), 0);
            }
            let dsdt = table_at(&image, word(found[0], 140));
            prop_assert_eq!((&dsdt[..4], sum(dsdt)), (&b"DSDT"[..], 0));
        }
    }
}
