//! Where things are in guest-physical space. RAM lies from 0 to [`HOLE_START`] and, what does not fit there, from
//! [`HOLE_END`] on. Behind RAM follows the region of memory that comes and goes, where there is one, and then a
//! window for 64-bit PCI BARs.

/// Pointer to the MP table: the first place at which Linux looks for it.
pub const MP_POINTER: u64 = 0;
/// GDT and IDT for the 64-bit entry.
pub const GDT: u64 = 0x500;
/// As above.
pub const IDT: u64 = 0x520;
/// `hvm_start_info` of PVH.
pub const PVH_START_INFO: u64 = 0x6000;
/// Module list of PVH.
pub const PVH_MODULES: u64 = 0x6040;
/// Memory map of PVH.
pub const PVH_MEMMAP: u64 = 0x6800;
/// `boot_params` of the 64-bit protocol.
pub const ZERO_PAGE: u64 = 0x7000;
/// Stack of the 64-bit entry (grows down).
pub const BOOT_STACK: u64 = 0x8ff0;
/// Top-level page table of the 64-bit entry, then the next levels (one page each, then four).
pub const PML4: u64 = 0x9000;
/// Third level.
pub const PDPT: u64 = 0xa000;
/// Second level: four pages for 4 GiB.
pub const PD: u64 = 0xb000;
/// Kernel command line.
pub const CMDLINE: u64 = 0x2_0000;
/// End of conventional memory.
pub const LOW_RAM_END: u64 = 0x9_fc00;
/// MP table.
pub const MP_TABLE: u64 = 0xd_0000;
/// VMClock, a page that the guest's programs can map.
pub const CLOCK: u64 = 0xd_e000;
/// Generation ID, a page of its own: what the guest maps is nothing else's.
pub const GENERATION_ID: u64 = 0xd_f000;
/// ACPI tables, the RSDP first; inside the area that is searched for it.
pub const ACPI: u64 = 0xe_0000;
/// SMBIOS entry point and table; inside the area that is searched for it.
pub const SMBIOS: u64 = 0xf_0000;
/// Begin of extended memory.
pub const HIGH_RAM: u64 = 0x10_0000;

/// Begin of the hole below 4 GiB, and of the window for 32-bit BARs.
pub const HOLE_START: u64 = 0xc000_0000;
/// End of the window for 32-bit BARs.
pub const PCI32_END: u64 = 0xe000_0000;
/// PCI configuration space by memory (ECAM), one bus.
pub const ECAM: u64 = 0xe000_0000;
/// 4 KiB for each of 256 functions.
pub const ECAM_SIZE: u64 = 1 << 20;
/// I/O APIC.
pub const IOAPIC: u32 = 0xfec0_0000;
/// Local APIC.
pub const LAPIC: u32 = 0xfee0_0000;
/// Three pages that KVM needs on Intel hosts.
pub const KVM_TSS: u64 = 0xfffb_d000;
/// End of the hole.
pub const HOLE_END: u64 = 1 << 32;

/// Size of the window for 64-bit BARs.
pub const PCI64_SIZE: u64 = 64 << 30;

/// Interrupt of the serial port.
pub const SERIAL_GSI: u32 = 4;
/// Interrupt of the ACPI event device.
pub const EVENT_GSI: u32 = 5;

/// RAM ranges (start, bytes) for `bytes` of memory.
pub fn ram(bytes: u64) -> Vec<(u64, u64)> {
    if bytes <= HOLE_START { vec![(0, bytes)] } else { vec![(0, HOLE_START), (HOLE_END, bytes - HOLE_START)] }
}

/// Begin of the region of memory that comes and goes: behind `memory_bytes` of RAM, above 4 GiB, at a multiple of the
/// largest pieces in which Linux adds memory.
pub fn pluggable_start(memory_bytes: u64) -> u64 {
    let end = ram(memory_bytes).last().map_or(0, |(start, size)| start + size);
    end.max(HOLE_END).next_multiple_of(2 << 30)
}

/// [`ram`] and, if it has any bytes, the region of memory that comes and goes.
pub fn mapped(memory_bytes: u64, pluggable_bytes: u64) -> Vec<(u64, u64)> {
    let region = (pluggable_bytes > 0).then(|| (pluggable_start(memory_bytes), pluggable_bytes));
    ram(memory_bytes).into_iter().chain(region).collect()
}

/// Begin of the window for 64-bit BARs: the first GiB boundary behind all memory, above 4 GiB.
pub fn pci64_start(memory_bytes: u64, pluggable_bytes: u64) -> u64 {
    let end = mapped(memory_bytes, pluggable_bytes).last().map_or(0, |(start, size)| start + size);
    end.max(HOLE_END).next_multiple_of(1 << 30)
}

/// One entry of the memory map: start, bytes, E820 type (1 usable, 2 reserved).
pub fn e820(memory_bytes: u64) -> Vec<(u64, u64, u32)> {
    let mut map = vec![(0, LOW_RAM_END, 1), (LOW_RAM_END, HIGH_RAM - LOW_RAM_END, 2)];
    for (start, size) in ram(memory_bytes) {
        match start {
            0 => map.push((HIGH_RAM, size - HIGH_RAM, 1)),
            _ => map.push((start, size, 1)),
        }
    }
    map.push((ECAM, ECAM_SIZE, 2));
    map.sort_unstable();
    map
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn memory_maps_never_overlap_and_hold_all_memory(mib in 64u64..(4 << 20), pluggable in 0u64..1000) {
            let bytes = mib << 20;
            let ranges = ram(bytes);
            prop_assert_eq!(ranges.iter().map(|(_, size)| size).sum::<u64>(), bytes);
            prop_assert!(ranges.iter().all(|(start, size)| start + size <= HOLE_START || *start >= HOLE_END));
            let map = e820(bytes);
            for pair in map.windows(2) {
                prop_assert!(pair[0].0 + pair[0].1 <= pair[1].0);
            }
            let usable: u64 = map.iter().filter(|entry| entry.2 == 1).map(|entry| entry.1).sum();
            prop_assert_eq!(usable, bytes - (HIGH_RAM - LOW_RAM_END));
            let pluggable = pluggable << 27;
            let (mapped, window) = (mapped(bytes, pluggable), pci64_start(bytes, pluggable));
            prop_assert!(mapped.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0));
            prop_assert!(mapped.iter().all(|(start, size)| start + size <= window) && window >= HOLE_END);
            prop_assert_eq!(mapped.iter().map(|(_, size)| size).sum::<u64>(), bytes + pluggable);
        }
    }
}
