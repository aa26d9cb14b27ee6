//! DSDT: the PCI root, the memory that belongs to it, the serial port, the event device with what it tells of, and the
//! sleep state for power-off.

use super::{AcpiInfo, Made, OEM, OEM_REVISION, OEM_TABLE, bytes, events, path, slots};
use crate::devices::power;
use crate::memory::layout;
use acpi_tables::Aml;
use acpi_tables::aml::{
    AddressSpace, AddressSpaceCacheable, Device, EISAName, IO, Interrupt, Memory32Fixed, Name, Package,
    ResourceTemplate, Scope,
};
use acpi_tables::sdt::Sdt;

const SLOT_PORTS: u16 = crate::pci::slots::PORTS_START;
const SLOT_PORTS_COUNT: u8 = crate::pci::slots::PORTS_COUNT as u8;

/// The table.
pub fn table(info: AcpiInfo) -> Vec<u8> {
    let mut table = Sdt::new(*b"DSDT", 36, 6, OEM, OEM_TABLE, OEM_REVISION);
    for part in [pci_root(info), motherboard(), serial(), events::devices(info), soft_off()] {
        table.append_slice(&part);
    }
    table.as_slice().to_vec()
}

pub(super) fn in_system_bus(device: &dyn Aml) -> Vec<u8> {
    bytes(&Scope::new(path("_SB_"), vec![device]))
}

/// One bus with its configuration ports, both windows for BARs, and its slots.
fn pci_root(info: AcpiInfo) -> Vec<u8> {
    let window = layout::pci64_start(info.memory_bytes, info.pluggable_bytes);
    let cacheable = AddressSpaceCacheable::NotCacheable;
    let resources = [
        Made::of(&Name::new(path("_HID"), &EISAName::new("PNP0A08"))),
        Made::of(&Name::new(path("_CID"), &EISAName::new("PNP0A03"))),
        Made::of(&Name::new(path("_SEG"), &0u8)),
        Made::of(&Name::new(path("_BBN"), &0u8)),
        Made::of(&Name::new(path("_UID"), &0u8)),
        Made::of(&Name::new(path("_CCA"), &1u8)),
        Made::of(&Name::new(
            path("_CRS"),
            &ResourceTemplate::new(vec![
                &AddressSpace::new_bus_number(0u16, 0u16),
                &IO::new(0xcf8, 0xcf8, 1, 8),
                &AddressSpace::new_memory(
                    cacheable,
                    true,
                    layout::HOLE_START as u32,
                    layout::PCI32_END as u32 - 1,
                    None,
                ),
                &AddressSpace::new_memory(cacheable, true, window, window + layout::PCI64_SIZE - 1, None),
            ]),
        )),
    ];
    let slots = slots::slots();
    let children = resources.iter().chain(&slots).map(|part| part as &dyn Aml).collect();
    in_system_bus(&Device::new(path("PCI0"), children))
}

/// Says that the ECAM area is taken: Linux uses it only then.
fn motherboard() -> Vec<u8> {
    in_system_bus(&Device::new(
        path("MBRD"),
        vec![
            &Name::new(path("_HID"), &EISAName::new("PNP0C02")),
            &Name::new(path("_UID"), &0u8),
            &Name::new(
                path("_CRS"),
                &ResourceTemplate::new(vec![
                    &Memory32Fixed::new(true, layout::ECAM as u32, layout::ECAM_SIZE as u32),
                    &IO::new(power::PORTS_START, power::PORTS_START, 1, power::PORTS_COUNT as u8),
                    &IO::new(SLOT_PORTS, SLOT_PORTS, 1, SLOT_PORTS_COUNT),
                ]),
            ),
        ],
    ))
}

/// A 16550 at the first PC port.
fn serial() -> Vec<u8> {
    in_system_bus(&Device::new(
        path("COM1"),
        vec![
            &Name::new(path("_HID"), &EISAName::new("PNP0501")),
            &Name::new(path("_UID"), &0u8),
            &Name::new(path("_DDN"), &"COM1"),
            &Name::new(
                path("_CRS"),
                &ResourceTemplate::new(vec![
                    &Interrupt::new(true, true, false, false, layout::SERIAL_GSI),
                    &IO::new(0x3f8, 0x3f8, 0, 8),
                ]),
            ),
        ],
    ))
}

fn soft_off() -> Vec<u8> {
    bytes(&Name::new(path("_S5_"), &Package::new(vec![&power::SOFT_OFF, &0u8, &0u8, &0u8])))
}
