//! Which pages of guest memory this process has, and which of them are its own, from `/proc/self/pagemap` (Linux's
//! Documentation/admin-guide/mm/pagemap.rst). In a jail there is no `/proc`: whoever asks for something that needs the
//! table can open it from outside and hand it in. Without it, mincore(2) tells which pages are in the host's memory, as
//! long as the host has swapped nothing out: those count as our own, although some may be the file's. Else every page
//! does. What is saved is the same either way, only found more slowly.

use super::Memory;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use vm_memory::{GuestMemoryBackend, GuestMemoryRegion, GuestRegionMmap};

/// Bytes of a page.
pub const PAGE: u64 = 4096;
/// Entries read at once.
const CHUNK: u64 = 8192;

const PRESENT: u64 = 1 << 63;
const SWAPPED: u64 = 1 << 62;
/// Of a file, or shared: not our own copy.
const FILE: u64 = 1 << 61;

/// What a page is to this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// Not mapped: it is as it is in the file behind the memory, or zero.
    Absent,
    /// The file's page, mapped.
    Shared,
    /// A page of our own: it was written.
    Own,
}

/// Pages that follow each other and are the same to this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// What they are.
    pub page: Page,
    /// Bytes from the begin of the region.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
}

/// The table, where there is one. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct Pagemap(Option<Arc<File>>);

/// Whether anything at all is swapped out on this host.
pub(super) fn swapped() -> bool {
    let mut info = MaybeUninit::<libc::sysinfo>::zeroed();
    // SAFETY: sysinfo fills in the structure it is given; all of it is integers, for which zero is well.
    let info = unsafe {
        if libc::sysinfo(info.as_mut_ptr()) != 0 {
            return true;
        }
        info.assume_init()
    };
    info.totalswap != info.freeswap
}

impl Pagemap {
    /// Opens the table of this process.
    pub fn open() -> Self {
        Self(File::open("/proc/self/pagemap").ok().map(Arc::new))
    }

    /// A table that somebody else has opened of this process.
    pub fn given(file: File) -> Self {
        Self(Some(Arc::new(file)))
    }

    /// As in a jail without `/proc`.
    #[cfg(test)]
    pub fn absent() -> Self {
        Self(None)
    }

    /// Whether there is a table.
    pub fn is_there(&self) -> bool {
        self.0.is_some()
    }

    /// Calls `each` with the runs of region number `region`, in order and without gaps.
    pub fn runs(
        &self,
        memory: &Memory,
        region: usize,
        each: impl FnMut(Run) -> io::Result<()>,
    ) -> io::Result<()> {
        let Some(region) = memory.iter().nth(region) else { return Ok(()) };
        self.runs_of(region, 0..region.len(), each)
    }

    /// The same, of a part of a region in whole pages.
    pub fn runs_of(
        &self,
        region: &GuestRegionMmap,
        part: Range<u64>,
        mut each: impl FnMut(Run) -> io::Result<()>,
    ) -> io::Result<()> {
        if self.0.is_none() && swapped() {
            return each(Run { page: Page::Own, offset: part.start, length: part.end - part.start });
        }
        let mut run = Run { page: Page::Absent, offset: part.start, length: 0 };
        let mut offset = part.start;
        while offset < part.end {
            let count = CHUNK.min((part.end - offset) / PAGE);
            for page in self.chunk(region, offset, count)? {
                if page != run.page {
                    if run.length > 0 {
                        each(run)?;
                    }
                    run = Run { page, offset, length: 0 };
                }
                run.length += PAGE;
                offset += PAGE;
            }
        }
        if run.length > 0 { each(run) } else { Ok(()) }
    }
}

impl Pagemap {
    /// What `count` pages from `offset` of a region are.
    fn chunk(&self, region: &GuestRegionMmap, offset: u64, count: u64) -> io::Result<Vec<Page>> {
        let Some(file) = &self.0 else { return resident(region, offset, count) };
        let mut entries = vec![0; count as usize * 8];
        file.read_exact_at(&mut entries, (region.as_ptr() as u64 + offset) / PAGE * 8)?;
        let entry = |bytes: &[u8]| u64::from_ne_bytes(std::array::from_fn(|index| bytes[index]));
        Ok(entries.chunks_exact(8).map(|bytes| classify(entry(bytes))).collect())
    }
}

/// The pages that are in the host's memory: our own, and those of the file behind ours.
fn resident(region: &GuestRegionMmap, offset: u64, count: u64) -> io::Result<Vec<Page>> {
    assert!(offset + count * PAGE <= region.len());
    let mut flags = vec![0u8; count as usize];
    // SAFETY: the range lies in a live mapping of ours, as just checked, and the vector has a byte for each page.
    let result = unsafe {
        let start = region.as_ptr().add(offset as usize);
        libc::mincore(start.cast(), (count * PAGE) as usize, flags.as_mut_ptr())
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(flags.iter().map(|flag| if flag & 1 == 1 { Page::Own } else { Page::Absent }).collect())
}

fn classify(entry: u64) -> Page {
    match (entry & (PRESENT | SWAPPED) != 0, entry & FILE != 0) {
        (false, _) => Page::Absent,
        (true, true) => Page::Shared,
        (true, false) => Page::Own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vm_memory::{Bytes, GuestAddress};

    fn runs(memory: &Memory) -> Vec<(Page, u64)> {
        let mut runs = Vec::new();
        Pagemap::open()
            .runs(memory, 0, |run| {
                runs.push((run.page, run.length / PAGE));
                Ok(())
            })
            .unwrap();
        runs
    }

    #[test]
    fn pages_of_a_private_mapping_are_told_apart() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(1 << 20).unwrap();
        let memory = super::super::map_file(file, &[(0, 1 << 20)]).unwrap();
        memory.write_obj(1u8, GuestAddress(20 * PAGE)).unwrap();
        let own: Vec<_> = runs(&memory).into_iter().filter(|(page, _)| *page == Page::Own).collect();
        assert_eq!(own, [(Page::Own, 1)]);
        assert_eq!(runs(&memory).iter().map(|(_, pages)| pages).sum::<u64>(), 256);
    }
}
