//! SMBIOS 3.0 tables (DSP0134): BIOS, system, board and chassis, with the strings of the specification. They lie in
//! the area that is searched by a kernel booted without EFI.

use crate::config::{SpecError, text};
use crate::memory::{Memory, layout};
use cumulet_vmm_protocol::Smbios;
use vm_memory::{Bytes, GuestAddress, GuestMemoryError};

/// Checked strings.
#[derive(Debug, Clone)]
pub struct SmbiosConfig {
    uuid: [u8; 16],
    strings: Smbios,
}

impl SmbiosConfig {
    /// Checks that all strings are printable, at most 64 bytes, and that the UUID is one.
    pub fn check(spec: &Smbios) -> Result<Self, SpecError> {
        for (name, value) in [
            ("product_serial", &spec.product_serial),
            ("sys_vendor", &spec.sys_vendor),
            ("product_name", &spec.product_name),
            ("bios_vendor", &spec.bios_vendor),
            ("bios_version", &spec.bios_version),
            ("chassis_asset_tag", &spec.chassis_asset_tag),
            ("board_asset_tag", &spec.board_asset_tag),
        ] {
            text(&format!("smbios.{name}"), value, 64)?;
        }
        let uuid = parse_uuid(&spec.product_uuid).ok_or_else(|| {
            SpecError::new("smbios.product_uuid", "8-4-4-4-12 lower-case hexadecimal digits")
        })?;
        Ok(Self { uuid, strings: spec.clone() })
    }

    /// Writes entry point and tables.
    pub fn write(&self, memory: &Memory) -> Result<(), GuestMemoryError> {
        let table = self.table();
        memory.write_slice(&entry_point(table.len() as u32), GuestAddress(layout::SMBIOS))?;
        memory.write_slice(&table, GuestAddress(layout::SMBIOS + TABLE_OFFSET))
    }

    fn table(&self) -> Vec<u8> {
        let strings = &self.strings;
        let mut table = Table::default();
        // BIOS: vendor, version, segment, date, ROM size, characteristics (not supported), extensions (virtual
        // machine), release numbers.
        let mut bios = vec![1, 2, 0, 0xf0, 3, 0, 1 << 3, 0, 0, 0, 0, 0, 0, 0, 0, 1 << 4, 1, 0, 0xff, 0xff];
        bios.extend([0, 0]);
        table.push(0, &bios, &[&strings.bios_vendor, &strings.bios_version, "01/01/2026"]);
        // System: vendor, product, version, serial, UUID, wake-up by power switch, no SKU, no family.
        let mut system = vec![1, 2, 0, 3];
        system.extend(wire_uuid(self.uuid));
        system.extend([6, 0, 0]);
        table.push(1, &system, &[&strings.sys_vendor, &strings.product_name, &strings.product_serial]);
        // Board: vendor, no product, version and serial, asset tag, hosting board, chassis, motherboard.
        let board = [1, 0, 0, 0, 2, 1, 0, 0x00, 0x03, 0x0a, 0];
        table.push(2, &board, &[&strings.sys_vendor, &strings.board_asset_tag]);
        // Chassis: vendor, type other, no version and serial, asset tag, states safe.
        let chassis = [1, 1, 0, 0, 2, 3, 3, 3, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0];
        table.push(3, &chassis, &[&strings.sys_vendor, &strings.chassis_asset_tag]);
        table.push(32, &[0, 0, 0, 0, 0, 0, 0], &[]);
        table.push(127, &[], &[]);
        table.bytes
    }
}

const TABLE_OFFSET: u64 = 32;

#[derive(Default)]
struct Table {
    bytes: Vec<u8>,
    next_handle: u16,
}

impl Table {
    /// Adds a structure: header, formatted area, strings.
    fn push(&mut self, kind: u8, formatted: &[u8], strings: &[&str]) {
        self.bytes.extend([kind, formatted.len() as u8 + 4]);
        self.bytes.extend(self.next_handle.to_le_bytes());
        self.bytes.extend(formatted);
        self.next_handle += 1;
        for string in strings {
            self.bytes.extend(string.as_bytes());
            self.bytes.push(0);
        }
        self.bytes.extend(if strings.is_empty() { &[0u8, 0][..] } else { &[0][..] });
    }
}

fn entry_point(table_size: u32) -> [u8; 24] {
    let mut entry = [0; 24];
    entry[..5].copy_from_slice(b"_SM3_");
    entry[6..11].copy_from_slice(&[24, 3, 0, 0, 1]);
    entry[12..16].copy_from_slice(&table_size.to_le_bytes());
    entry[16..].copy_from_slice(&(layout::SMBIOS + TABLE_OFFSET).to_le_bytes());
    entry[5] = entry.iter().fold(0u8, |sum, byte| sum.wrapping_sub(*byte));
    entry
}

/// From the order in which a UUID is written to that of SMBIOS since 2.6: the first three fields are little-endian.
pub(crate) fn wire_uuid(mut uuid: [u8; 16]) -> [u8; 16] {
    uuid[0..4].reverse();
    uuid[4..6].reverse();
    uuid[6..8].reverse();
    uuid
}

pub(crate) fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let groups: Vec<&str> = text.split('-').collect();
    let right = groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'));
    let digits = groups.concat();
    right.then(|| {
        std::array::from_fn(|index| u8::from_str_radix(&digits[2 * index..2 * index + 2], 16).unwrap_or(0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_point_sums_to_zero() {
        assert_eq!(entry_point(300).iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)), 0);
    }

    #[test]
    fn a_uuid_is_swapped_so_that_the_guest_reads_it_as_written() {
        let uuid = parse_uuid("ec2f1a2b-0102-0304-0506-070809101112").unwrap();
        assert_eq!(uuid[..4], [0xec, 0x2f, 0x1a, 0x2b]);
        assert_eq!(wire_uuid(uuid)[..8], [0x2b, 0x1a, 0x2f, 0xec, 2, 1, 4, 3]);
    }

    #[test]
    fn a_malformed_uuid_is_refused() {
        for text in
            ["", "ec2", "EC2F1A2B-0102-0304-0506-070809101112", "ec2f1a2b010203040506070809101112----"]
        {
            assert_eq!(parse_uuid(text), None, "{text}");
        }
    }
}
