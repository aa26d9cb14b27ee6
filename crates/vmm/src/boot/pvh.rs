//! The start info of PVH boot (Xen's `arch-x86/hvm/start_info.h`, version 1).

use super::Ramdisk;
use crate::memory::{Memory, layout};
use linux_loader::loader::elf::start_info::{hvm_memmap_table_entry, hvm_modlist_entry, hvm_start_info};
use vm_memory::{ByteValued, Bytes, GuestAddress, GuestMemoryError};

/// `XEN_HVM_START_MAGIC_VALUE`.
const MAGIC: u32 = 0x336e_c578;

#[derive(Clone, Copy)]
#[repr(transparent)]
struct Raw<T: Copy>(T);

// SAFETY: these structures of fixed layout hold integers only and have no padding (the sizes are asserted by
// linux-loader).
unsafe impl ByteValued for Raw<hvm_start_info> {}
// SAFETY: as above.
unsafe impl ByteValued for Raw<hvm_modlist_entry> {}
// SAFETY: as above.
unsafe impl ByteValued for Raw<hvm_memmap_table_entry> {}

/// Writes start info, module list and memory map.
pub fn write(memory: &Memory, initrd: Option<Ramdisk>, memory_bytes: u64) -> Result<(), GuestMemoryError> {
    let map = layout::e820(memory_bytes);
    for (index, &(addr, size, type_)) in map.iter().enumerate() {
        let entry = hvm_memmap_table_entry { addr, size, type_, reserved: 0 };
        memory.write_obj(Raw(entry), GuestAddress(layout::PVH_MEMMAP + index as u64 * 24))?;
    }
    if let Some(initrd) = initrd {
        let module =
            hvm_modlist_entry { paddr: initrd.address, size: initrd.size, cmdline_paddr: 0, reserved: 0 };
        memory.write_obj(Raw(module), GuestAddress(layout::PVH_MODULES))?;
    }
    let info = hvm_start_info {
        magic: MAGIC,
        version: 1,
        flags: 0,
        nr_modules: u32::from(initrd.is_some()),
        modlist_paddr: if initrd.is_some() { layout::PVH_MODULES } else { 0 },
        cmdline_paddr: layout::CMDLINE,
        rsdp_paddr: layout::ACPI,
        memmap_paddr: layout::PVH_MEMMAP,
        memmap_entries: map.len() as u32,
        reserved: 0,
    };
    memory.write_obj(Raw(info), GuestAddress(layout::PVH_START_INFO))
}
