//! Guest memory. That of a booted machine is private, anonymous, of huge pages where the host has them; pages come when
//! they are touched. That of a restored machine is a private mapping of the file that was saved.
//!
//! It is not a memfd from the begin, although a fork could then share it without a copy: hosts give shared memory no
//! huge pages by default, so that boot takes a tenth more CPU time (8,400 page faults instead of 160), and every guest
//! would pay for small pages all its life for the rare one that is forked. So whoever forks a machine has what it has
//! touched copied into a memfd while it is paused, by two threads (a boot's worth, 24 MiB, in 11 ms), and the machine itself keeps its
//! own memory and its speed. All forks taken from that pause share the copy.

mod dump;
pub mod layout;
mod pagemap;
mod prefetch;
mod release;

pub use dump::write as dump;
pub use pagemap::Pagemap;
pub use prefetch::{WorkingSet, touched};
pub use release::{PAGE, release};

use kvm_bindings::kvm_userspace_memory_region;
use kvm_ioctls::VmFd;
use std::fs::File;
use std::sync::Arc;
use vm_memory::mmap::{MmapRegionBuilder, MmapRegionError};
use vm_memory::{
    Address, FileOffset, GuestAddress, GuestMemoryBackend, GuestMemoryMmap, GuestMemoryRegion,
    GuestRegionMmap, MmapRegion,
};

/// The memory of a machine. Cloning it is cheap.
pub type Memory = GuestMemoryMmap<()>;

/// Why there is no memory.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// The mapping.
    #[error("guest memory can't be mapped")]
    Map(#[source] MmapRegionError),
    /// A layout that does not fit.
    #[error("guest memory does not fit its addresses")]
    Layout,
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

/// Makes guest memory of the ranges (start, bytes).
pub fn create(ranges: &[(u64, u64)]) -> Result<Memory, MemoryError> {
    map(ranges, |size| {
        let mapping = MmapRegionBuilder::new(size as usize)
            .with_mmap_prot(libc::PROT_READ | libc::PROT_WRITE)
            .with_mmap_flags(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE)
            .build()?;
        advise(&mapping, &[libc::MADV_HUGEPAGE, libc::MADV_DONTDUMP]);
        Ok(mapping)
    })
}

/// Maps `file`, which [`dump`] has written, privately as memory of the ranges (start, bytes) that it was saved from.
pub fn map_file(file: File, ranges: &[(u64, u64)]) -> Result<Memory, MemoryError> {
    let (file, mut offset) = (Arc::new(file), 0);
    map(ranges, |size| {
        let mapping = MmapRegionBuilder::new(size as usize)
            .with_file_offset(FileOffset::from_arc(file.clone(), offset))
            .with_mmap_prot(libc::PROT_READ | libc::PROT_WRITE)
            .with_mmap_flags(libc::MAP_PRIVATE | libc::MAP_NORESERVE)
            .build()?;
        offset += size;
        advise(&mapping, &[libc::MADV_DONTDUMP]);
        Ok(mapping)
    })
}

fn map(
    ranges: &[(u64, u64)],
    mut make: impl FnMut(u64) -> Result<MmapRegion, MmapRegionError>,
) -> Result<Memory, MemoryError> {
    let mut regions = Vec::new();
    for &(start, size) in ranges {
        let mapping = make(size).map_err(MemoryError::Map)?;
        regions.push(GuestRegionMmap::new(mapping, GuestAddress(start)).ok_or(MemoryError::Layout)?);
    }
    Memory::from_regions(regions).map_err(|_| MemoryError::Layout)
}

/// Tells the host what it may do with guest memory: give it huge pages, keep it out of core dumps.
fn advise(mapping: &MmapRegion, advices: &[libc::c_int]) {
    for &advice in advices {
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
