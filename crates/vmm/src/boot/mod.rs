//! Puts a kernel, its command line and its initial RAM disk into guest memory, and says how the first vCPU begins.
//! ELF images are entered by PVH or by the 64-bit protocol, bzImages by the 64-bit protocol. Linux gets the latter where
//! nothing else is asked for: PVH only takes it there by a way through 32-bit mode, which is some thousand instructions
//! longer, and each of them is emulated on a host without hardware virtualization.

mod initrd;
mod linux64;
mod mptable;
mod notes;
mod pvh;

use crate::memory::{Memory, layout};
use cumulet_vmm_protocol::BootProtocol;
use linux_loader::loader::{
    BzImage, Elf, KernelLoader, KernelLoaderResult, PvhBootCapability, bootparam::setup_header,
};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use vm_memory::{Bytes, GuestAddress};

/// Why a machine can't be booted.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The kernel file can't be read.
    #[error("the kernel image can't be read")]
    ReadKernel(#[source] io::Error),
    /// It is neither ELF nor bzImage.
    #[error("the kernel image is neither an ELF vmlinux nor a bzImage")]
    Format,
    /// It can't be loaded.
    #[error("the kernel image can't be loaded")]
    Load(#[source] linux_loader::loader::Error),
    /// PVH was asked for.
    #[error("the kernel image has no PVH entry")]
    NoPvh,
    /// The 64-bit protocol was asked for.
    #[error("the kernel image has no 64-bit entry")]
    No64,
    /// The initial RAM disk can't be read.
    #[error("the initial RAM disk can't be read")]
    ReadInitrd(#[source] io::Error),
    /// Too little memory.
    #[error(
        "{memory} bytes of memory don't hold the kernel, which ends at {kernel_end:#x}, and {initrd} bytes of RAM disk"
    )]
    Space {
        /// Bytes of memory below the hole.
        memory: u64,
        /// Guest-physical end of the kernel.
        kernel_end: u64,
        /// Bytes of the RAM disk.
        initrd: u64,
    },
    /// Guest memory was not where the layout says.
    #[error("boot data can't be written to guest memory")]
    Write(#[source] vm_memory::GuestMemoryError),
}

/// What the kernel is told.
#[derive(Debug)]
pub struct BootInfo<'a> {
    /// Bytes of guest memory.
    pub memory_bytes: u64,
    /// Number of vCPUs.
    pub vcpus: u32,
    /// The command line.
    pub cmdline: &'a str,
    /// How it is entered.
    pub protocol: BootProtocol,
}

/// The state in which the first vCPU begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// 32-bit protected mode without paging; EBX points to the start info.
    Pvh {
        /// Instruction pointer.
        rip: u64,
    },
    /// 64-bit mode with an identity map of 4 GiB; RSI points to the zero page.
    Linux64 {
        /// Instruction pointer.
        rip: u64,
    },
}

/// A RAM disk in guest memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ramdisk {
    address: u64,
    size: u64,
}

/// Loads all that the kernel needs but for the ACPI and SMBIOS tables.
pub fn load(
    memory: &Memory,
    mut kernel: File,
    initrd: Option<File>,
    info: &BootInfo<'_>,
) -> Result<Entry, BootError> {
    let mut magic = [0; 4];
    kernel.read_exact_at(&mut magic, 0).map_err(BootError::ReadKernel)?;
    let mut protocol = info.protocol;
    let (loaded, header) = if magic == *b"\x7fELF" {
        let high = Some(GuestAddress(layout::HIGH_RAM));
        let loaded = Elf::load(memory, None, &mut kernel, high).map_err(BootError::Load)?;
        if protocol == BootProtocol::Auto && notes::is_linux(&kernel).map_err(BootError::ReadKernel)? {
            protocol = BootProtocol::Linux64;
        }
        (loaded, None)
    } else {
        load_bzimage(memory, &mut kernel)?
    };
    let entry = entry(protocol, &loaded, header.as_ref())?;
    let kernel_end = kernel_end(&loaded, header.as_ref());
    let initrd = initrd::load(memory, initrd, kernel_end, header.as_ref(), info.memory_bytes)?;
    let mut cmdline = info.cmdline.as_bytes().to_vec();
    cmdline.push(0);
    memory.write_slice(&cmdline, GuestAddress(layout::CMDLINE)).map_err(BootError::Write)?;
    mptable::write(memory, info.vcpus).map_err(BootError::Write)?;
    match entry {
        Entry::Pvh { .. } => pvh::write(memory, initrd, info.memory_bytes),
        Entry::Linux64 { .. } => linux64::write(memory, initrd, info, header),
    }
    .map_err(BootError::Write)?;
    Ok(entry)
}

fn load_bzimage(
    memory: &Memory,
    kernel: &mut File,
) -> Result<(KernelLoaderResult, Option<setup_header>), BootError> {
    let mut signature = [0; 4];
    kernel.read_exact_at(&mut signature, 0x202).map_err(BootError::ReadKernel)?;
    if signature != *b"HdrS" {
        return Err(BootError::Format);
    }
    let high = GuestAddress(layout::HIGH_RAM);
    let loaded = BzImage::load(memory, None, kernel, Some(high)).map_err(BootError::Load)?;
    let header = loaded.setup_header;
    Ok((loaded, header))
}

fn entry(
    protocol: BootProtocol,
    loaded: &KernelLoaderResult,
    header: Option<&setup_header>,
) -> Result<Entry, BootError> {
    if let Some(header) = header {
        /// `XLF_KERNEL_64` of `xloadflags`: there is a 64-bit entry 0x200 behind the start.
        const KERNEL_64: u16 = 1;
        return match protocol {
            BootProtocol::Pvh => Err(BootError::NoPvh),
            _ if header.xloadflags & KERNEL_64 == 0 => Err(BootError::No64),
            _ => Ok(Entry::Linux64 { rip: loaded.kernel_load.0 + 0x200 }),
        };
    }
    match (protocol, loaded.pvh_boot_cap) {
        (BootProtocol::Auto | BootProtocol::Pvh, PvhBootCapability::PvhEntryPresent(address)) => {
            Ok(Entry::Pvh { rip: address.0 })
        }
        (BootProtocol::Pvh, _) => Err(BootError::NoPvh),
        (BootProtocol::Auto | BootProtocol::Linux64, _) => Ok(Entry::Linux64 { rip: loaded.kernel_load.0 }),
    }
}

/// The end of what the kernel takes before it manages memory by itself. An ELF image's `.bss` is not in the loader's
/// figure, so room is left for it.
fn kernel_end(loaded: &KernelLoaderResult, header: Option<&setup_header>) -> u64 {
    match header {
        Some(header) => {
            let start = { header.pref_address }.max(loaded.kernel_load.0);
            loaded.kernel_end.max(start.saturating_add(u64::from(header.init_size)))
        }
        None => loaded.kernel_end.saturating_add(4 << 20),
    }
}
