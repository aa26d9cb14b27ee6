//! The zero page and page tables of Linux's 64-bit boot protocol (Documentation/arch/x86/boot.rst).

use super::{BootInfo, Ramdisk};
use crate::memory::{Memory, layout};
use linux_loader::loader::bootparam::{boot_e820_entry, boot_params, setup_header};
use vm_memory::{ByteValued, Bytes, GuestAddress, GuestMemoryError};

#[derive(Clone, Copy)]
#[repr(transparent)]
struct Raw(boot_params);

// SAFETY: boot_params is packed data of integers; every bit pattern is valid.
unsafe impl ByteValued for Raw {}

/// Writes the zero page and an identity map of 4 GiB.
pub fn write(
    memory: &Memory,
    initrd: Option<Ramdisk>,
    info: &BootInfo<'_>,
    header: Option<setup_header>,
) -> Result<(), GuestMemoryError> {
    write_page_tables(memory)?;
    let mut params = boot_params { hdr: header.unwrap_or_else(elf_header), ..Default::default() };
    params.hdr.type_of_loader = 0xff;
    params.hdr.cmd_line_ptr = layout::CMDLINE as u32;
    params.hdr.cmdline_size = info.cmdline.len() as u32 + 1;
    if let Some(initrd) = initrd {
        params.hdr.ramdisk_image = initrd.address as u32;
        params.hdr.ramdisk_size = initrd.size as u32;
    }
    params.acpi_rsdp_addr = layout::ACPI;
    let map = layout::e820(info.memory_bytes);
    params.e820_entries = map.len() as u8;
    for (slot, &(addr, size, type_)) in map.iter().enumerate() {
        params.e820_table[slot] = boot_e820_entry { addr, size, r#type: type_ };
    }
    memory.write_obj(Raw(params), GuestAddress(layout::ZERO_PAGE))
}

/// What a boot loader fills in for an image that has no header of its own.
fn elf_header() -> setup_header {
    setup_header {
        boot_flag: 0xaa55,
        header: u32::from_le_bytes(*b"HdrS"),
        version: 0x020f,
        kernel_alignment: 0x20_0000,
        ..Default::default()
    }
}

fn write_page_tables(memory: &Memory) -> Result<(), GuestMemoryError> {
    /// Present and writable.
    const TABLE: u64 = 0b11;
    /// Present, writable, 2 MiB page.
    const LARGE: u64 = 0b1000_0011;
    memory.write_obj(layout::PDPT | TABLE, GuestAddress(layout::PML4))?;
    for gigabyte in 0..4u64 {
        let directory = layout::PD + gigabyte * 4096;
        memory.write_obj(directory | TABLE, GuestAddress(layout::PDPT + gigabyte * 8))?;
        let entries: Vec<u8> =
            (0..512u64).flat_map(|slot| ((gigabyte << 30) | (slot << 21) | LARGE).to_le_bytes()).collect();
        memory.write_slice(&entries, GuestAddress(directory))?;
    }
    Ok(())
}
