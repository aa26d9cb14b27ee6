//! The working set: the pages a restored machine touched in its first moments. Fetched ahead at the next restore, they
//! cost no page fault while the guest runs: those it wrote are copied, the others mapped, while KVM makes the machine.

use super::Memory;
use super::pagemap::{PAGE, Page, Pagemap, Run};
use serde::{Deserialize, Serialize};
use std::io;
use vm_memory::{GuestMemoryBackend, GuestMemoryRegion};

/// Most runs of a working set.
const MAX_RUNS: usize = 1 << 18;

/// Pages by region, as they are written to a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkingSet {
    /// Region, first page in it, number of pages, and whether they were written.
    runs: Vec<(u32, u64, u64, bool)>,
}

/// The pages that this process has mapped.
pub fn touched(memory: &Memory, pages: &Pagemap) -> io::Result<WorkingSet> {
    if !pages.is_there() {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "/proc/self/pagemap can't be opened here"));
    }
    let mut runs = Vec::new();
    for region in 0..memory.num_regions() {
        pages.runs(memory, region, |Run { page, offset, length }| {
            if page != Page::Absent {
                runs.push((region as u32, offset / PAGE, length / PAGE, page == Page::Own));
            }
            if runs.len() > MAX_RUNS { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(()) }
        })?;
    }
    Ok(WorkingSet { runs })
}

impl WorkingSet {
    /// How many pages it has.
    pub fn pages(&self) -> u64 {
        self.runs.iter().map(|run| run.2).sum()
    }

    /// Fetches the pages. What is not in `memory`, and what the host can't do, is left out: the pages then come when
    /// they are touched.
    pub fn fetch(&self, memory: &Memory) {
        for &(region, page, count, written) in &self.runs {
            let Some(region) = memory.iter().nth(region as usize) else { continue };
            let bytes = |pages: u64| pages.checked_mul(PAGE);
            let (Some(offset), Some(length)) = (bytes(page), bytes(count)) else { continue };
            if offset.checked_add(length).is_none_or(|end| end > region.len()) {
                continue;
            }
            let advice = if written { libc::MADV_POPULATE_WRITE } else { libc::MADV_POPULATE_READ };
            // SAFETY: the range was just seen to lie in a live mapping of ours; the advice faults its pages in and
            // changes nothing of what they hold.
            unsafe { libc::madvise(region.as_ptr().add(offset as usize).cast(), length as usize, advice) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::map_file;
    use vm_memory::{Bytes, GuestAddress};

    fn memory() -> Memory {
        let file = tempfile::tempfile().unwrap();
        file.set_len(64 * PAGE).unwrap();
        map_file(file, &[(0, 64 * PAGE)]).unwrap()
    }

    #[test]
    fn what_was_touched_is_there_beforehand_next_time() {
        let (first, second, pages) = (memory(), memory(), Pagemap::open());
        first.write_obj(1u8, GuestAddress(3 * PAGE)).unwrap();
        let _: u8 = first.read_obj(GuestAddress(40 * PAGE)).unwrap();
        let set = touched(&first, &pages).unwrap();
        assert!(set.runs.contains(&(0, 3, 1, true)), "{set:?}");
        assert_eq!(touched(&second, &pages).unwrap().pages(), 0);
        set.fetch(&second);
        let again = touched(&second, &pages).unwrap();
        assert!(again.runs.contains(&(0, 3, 1, true)), "{again:?}");
        assert!(again.pages() >= 2);
        assert_eq!(second.read_obj::<u8>(GuestAddress(3 * PAGE)).unwrap(), 0);
    }

    #[test]
    fn a_set_of_other_memory_does_no_harm() {
        let runs = vec![
            (0, 60, 10, true),
            (7, 0, 1, true),
            (0, u64::MAX, u64::MAX, true),
            (0, 0, u64::MAX / 8, false),
        ];
        let memory = memory();
        WorkingSet { runs }.fetch(&memory);
        assert_eq!(touched(&memory, &Pagemap::open()).unwrap().pages(), 0);
    }
}
