//! Writes guest memory to a file: regions one behind the other, pages that are zero as holes. What the machine has
//! written comes from its memory, the rest from the file that lies behind it, if it was restored from one. What is no
//! memory at the moment is a hole too.

use super::Memory;
use super::pagemap::{PAGE, Page, Pagemap, Run};
use rustix::fs::SeekFrom;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use vm_memory::{Address, GuestMemoryBackend, GuestMemoryRegion, GuestRegionMmap, MemoryRegionAddress};

/// Bytes moved at once: what a processor's own cache holds between reading and writing.
const CHUNK: u64 = 256 << 10;
/// How many threads move them. The machine stands still meanwhile, and its control group has a processor more than it
/// has vCPUs.
const THREADS: usize = 2;

/// A piece of memory that is to be written.
struct Piece<'m> {
    from: Origin<'m>,
    length: u64,
    target: u64,
}

/// Where a piece comes from.
enum Origin<'m> {
    /// The machine's memory: offset in the region.
    Memory(&'m GuestRegionMmap, u64),
    /// The file behind it: offset in the file.
    Base(&'m File, u64),
}

/// Writes the ranges `kept` (guest-physical start, bytes) of `memory` to `file`, which is empty. Gives how many bytes are
/// not holes.
pub fn write(memory: &Memory, kept: &[(u64, u64)], pages: &Pagemap, file: &File) -> io::Result<u64> {
    let pieces = pieces(memory, kept, pages)?;
    let next = AtomicUsize::new(0);
    let work = || {
        let mut out = Out { file, buffer: vec![0; CHUNK as usize], written: 0 };
        while let Some(piece) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
            out.piece(piece)?;
        }
        Ok(out.written)
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..THREADS)
            .map(|_| std::thread::Builder::new().name("snapshot".to_owned()).spawn_scoped(scope, work))
            .collect();
        let mut written = work();
        // Where a thread can't be made, the others do its part.
        for other in others.into_iter().flatten() {
            let theirs = other.join().expect("a panic ends the process");
            written = written.and_then(|ours| Ok(ours + theirs?));
        }
        written
    })
}

/// What is to be written, in the order of the file.
fn pieces<'m>(memory: &'m Memory, kept: &[(u64, u64)], pages: &Pagemap) -> io::Result<Vec<Piece<'m>>> {
    let (mut list, mut start) = (Vec::new(), 0);
    for region in memory.iter() {
        for part in parts(region, kept) {
            pages.runs_of(region, part, |Run { page, offset, length }| {
                let target = start + offset;
                match (page, region.file_offset()) {
                    (Page::Own, _) => {
                        cut(&mut list, length, target, |at| Origin::Memory(region, offset + at))
                    }
                    (Page::Absent | Page::Shared, Some(base)) => {
                        // What the file behind the memory has of the range; its holes stay holes.
                        let (file, begin) = (base.file(), base.start() + offset);
                        for (from, end) in extents(file, begin, begin + length)? {
                            let target = target + (from - begin);
                            cut(&mut list, end - from, target, |at| Origin::Base(file, from + at));
                        }
                    }
                    (Page::Absent | Page::Shared, None) => {}
                }
                Ok(())
            })?;
        }
        start += region.len();
    }
    Ok(list)
}

fn cut<'m>(list: &mut Vec<Piece<'m>>, length: u64, target: u64, from: impl Fn(u64) -> Origin<'m>) {
    list.extend((0..length).step_by(CHUNK as usize).map(|at| Piece {
        from: from(at),
        length: CHUNK.min(length - at),
        target: target + at,
    }));
}

/// What of `kept` lies in a region, as offsets in it.
fn parts(region: &GuestRegionMmap, kept: &[(u64, u64)]) -> Vec<Range<u64>> {
    let begin = region.start_addr().raw_value();
    let part = |&(start, length): &(u64, u64)| {
        let (from, to) = (start.max(begin), (start + length).min(begin + region.len()));
        (from < to).then(|| from - begin..to - begin)
    };
    kept.iter().filter_map(part).collect()
}

struct Out<'f> {
    file: &'f File,
    buffer: Vec<u8>,
    written: u64,
}

impl Out<'_> {
    fn piece(&mut self, piece: &Piece<'_>) -> io::Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let bytes = &mut buffer[..piece.length as usize];
        match piece.from {
            Origin::Memory(region, offset) => {
                let slice = region.get_slice(MemoryRegionAddress(offset), bytes.len());
                slice.map_err(io::Error::other)?.copy_to(bytes);
            }
            Origin::Base(file, offset) => file.read_exact_at(bytes, offset)?,
        }
        self.put(bytes, piece.target)?;
        self.buffer = buffer;
        Ok(())
    }

    /// Writes the pages of `bytes` that are not zero.
    fn put(&mut self, bytes: &[u8], target: u64) -> io::Result<()> {
        let mut begin = 0;
        while begin < bytes.len() {
            let zero = is_zero(&bytes[begin..(begin + PAGE as usize).min(bytes.len())]);
            let mut end = begin;
            while end < bytes.len() && is_zero(&bytes[end..(end + PAGE as usize).min(bytes.len())]) == zero {
                end = (end + PAGE as usize).min(bytes.len());
            }
            if !zero {
                self.file.write_all_at(&bytes[begin..end], target + begin as u64)?;
                self.written += (end - begin) as u64;
            }
            begin = end;
        }
        Ok(())
    }
}

/// Parts of a file that are no holes, cut to `begin..end`.
fn extents(file: &File, begin: u64, end: u64) -> io::Result<Vec<(u64, u64)>> {
    let mut list = Vec::new();
    let mut at = begin;
    while at < end {
        let start = match rustix::fs::seek(file, SeekFrom::Data(at)) {
            Ok(start) if start < end => start,
            // Behind the last data.
            Ok(_) | Err(rustix::io::Errno::NXIO) => break,
            // No holes are known here: all of it is data.
            Err(rustix::io::Errno::INVAL) => return Ok(vec![(begin, end)]),
            Err(error) => return Err(error.into()),
        };
        let stop = rustix::fs::seek(file, SeekFrom::Hole(start))?.min(end);
        list.push((start, stop));
        at = stop;
    }
    Ok(list)
}

fn is_zero(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<16>();
    words.iter().all(|word| u128::from_ne_bytes(*word) == 0) && rest.iter().all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{create, map_file};
    use proptest::prelude::*;
    use rustix::fs::{MemfdFlags, memfd_create};
    use std::os::unix::fs::MetadataExt;
    use vm_memory::{Bytes, GuestAddress};

    const BYTES: u64 = 64 * PAGE;

    fn content(memory: &Memory) -> Vec<u8> {
        let mut bytes = vec![0; BYTES as usize];
        memory.read_slice(&mut bytes, GuestAddress(0)).unwrap();
        bytes
    }

    fn dump(memory: &Memory, pages: &Pagemap) -> (File, u64) {
        let file = tempfile::tempfile().unwrap();
        let written = write(memory, &[(0, BYTES)], pages, &file).unwrap();
        file.set_len(BYTES).unwrap();
        (file, written)
    }

    fn write_pages(memory: &Memory, pages: &[(u64, u8)]) {
        for (page, value) in pages {
            memory.write_slice(&[*value; PAGE as usize], GuestAddress(page * PAGE)).unwrap();
        }
    }

    fn pages() -> impl Strategy<Value = Vec<(u64, u8)>> {
        prop::collection::vec((0u64..64, 0u8..4), 0..40)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        /// Saved, restored, changed, saved again: also with pages that became zero, and also without a page table.
        #[test]
        fn memory_comes_back_through_any_number_of_files(first in pages(), second in pages(), third in pages()) {
            for table in [Pagemap::open(), Pagemap::absent()] {
                let mut memory = create(&[(0, BYTES)]).unwrap();
                for writes in [&first, &second, &third] {
                    write_pages(&memory, writes);
                    let before = content(&memory);
                    let (file, written) = dump(&memory, &table);
                    let used = before.chunks(PAGE as usize).filter(|page| !is_zero(page)).count() as u64;
                    prop_assert_eq!(written, used * PAGE);
                    memory = map_file(file, &[(0, BYTES)]).unwrap();
                    prop_assert_eq!(content(&memory), before);
                }
            }
        }
    }

    /// Memory that came and went may have something in it that nobody needs.
    #[test]
    fn what_is_not_kept_is_a_hole() {
        let high = 1 << 32;
        let memory = create(&[(0, BYTES), (high, BYTES)]).unwrap();
        for page in [1, 5, 9] {
            memory.write_slice(&[7; PAGE as usize], GuestAddress(page * PAGE)).unwrap();
            memory.write_slice(&[8; PAGE as usize], GuestAddress(high + page * PAGE)).unwrap();
        }
        let file = tempfile::tempfile().unwrap();
        let kept = [(0, BYTES), (high + 4 * PAGE, 2 * PAGE)];
        assert_eq!(write(&memory, &kept, &Pagemap::open(), &file).unwrap(), 4 * PAGE);
        let byte = |at: u64| {
            let mut byte = [0];
            file.read_at(&mut byte, at).unwrap();
            byte[0]
        };
        assert_eq!([1, 5, 9].map(|page| byte(BYTES + page * PAGE)), [0, 8, 0]);
    }

    /// A file in memory that many machines share must not grow because one of them is saved.
    #[test]
    fn the_file_behind_keeps_its_holes() {
        let base = File::from(memfd_create("base", MemfdFlags::CLOEXEC).unwrap());
        base.set_len(BYTES).unwrap();
        base.write_all_at(&[7; PAGE as usize], 3 * PAGE).unwrap();
        let blocks = || base.metadata().unwrap().blocks();
        let before = blocks();
        let tables = [Pagemap::open(), Pagemap::absent()];
        // Without a table nothing is known on a host that has swapped something out.
        for table in tables.iter().take(if super::super::pagemap::swapped() { 1 } else { 2 }) {
            let memory = map_file(base.try_clone().unwrap(), &[(0, BYTES)]).unwrap();
            write_pages(&memory, &[(40, 9)]);
            let grown = blocks();
            assert_eq!(dump(&memory, table).1, 2 * PAGE);
            assert_eq!(blocks(), grown);
        }
        assert!(blocks() <= before + 8, "a copied page may have been fetched first");
    }
}
