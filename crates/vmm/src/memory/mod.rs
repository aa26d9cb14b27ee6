//! Guest memory: private, anonymous, of huge pages where the host has them; pages come when they are touched. Huge
//! pages are why it is not a memfd: hosts give shared memory none by default, and a boot then takes a quarter more CPU
//! time. A snapshot writes this memory to a file, and a restored machine maps that file privately.

pub mod layout;

use kvm_bindings::kvm_userspace_memory_region;
use kvm_ioctls::VmFd;
use vm_memory::mmap::MmapRegionBuilder;
use vm_memory::{
    Address, GuestAddress, GuestMemoryBackend, GuestMemoryMmap, GuestMemoryRegion, GuestRegionMmap,
};

/// The memory of a machine. Cloning it is cheap.
pub type Memory = GuestMemoryMmap<()>;

/// Why there is no memory.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// The mapping.
    #[error("guest memory can't be mapped")]
    Map(#[source] vm_memory::mmap::MmapRegionError),
    /// KVM.
    #[error("KVM refused guest memory at {start:#x}")]
    Kvm {
        /// Guest-physical start.
        start: u64,
        /// The cause.
        #[source]
        source: kvm_ioctls::Error,
    },
}

/// Makes `bytes` of guest memory.
pub fn create(bytes: u64) -> Result<Memory, MemoryError> {
    let mut regions = Vec::new();
    for (start, size) in layout::ram(bytes) {
        let mapping = MmapRegionBuilder::new(size as usize)
            .with_mmap_prot(libc::PROT_READ | libc::PROT_WRITE)
            .with_mmap_flags(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE)
            .build()
            .map_err(MemoryError::Map)?;
        advise(&mapping);
        regions.push(GuestRegionMmap::new(mapping, GuestAddress(start)).expect("the layout fits 64 bits"));
    }
    Ok(Memory::from_regions(regions).expect("the layout's ranges are sorted and apart"))
}

/// Asks for huge pages, and keeps guest memory out of core dumps.
fn advise(mapping: &vm_memory::MmapRegion) {
    for advice in [libc::MADV_HUGEPAGE, libc::MADV_DONTDUMP] {
        // SAFETY: the range is exactly one live mapping of ours, and neither advice changes what it holds.
        unsafe { libc::madvise(mapping.as_ptr().cast(), mapping.size(), advice) };
    }
}

/// Gives `memory` to the machine.
pub fn register(vm: &VmFd, memory: &Memory) -> Result<(), MemoryError> {
    for (slot, region) in memory.iter().enumerate() {
        let start = region.start_addr().raw_value();
        let slot = kvm_userspace_memory_region {
            slot: slot as u32,
            flags: 0,
            guest_phys_addr: start,
            memory_size: region.len(),
            userspace_addr: region.as_ptr() as u64,
        };
        // SAFETY: the slot is a live mapping of exactly this size. It is never unmapped: the machine keeps `memory`
        // until the process ends.
        unsafe { vm.set_user_memory_region(slot) }.map_err(|source| MemoryError::Kvm { start, source })?;
    }
    Ok(())
}
