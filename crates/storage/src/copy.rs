//! Copying a file so that holes and zeroes take no room, and sharing blocks where the file system can.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs::SeekFrom;
use rustix::io::Errno;

use cumulet_model::Bytes;

use crate::StorageError;
use crate::space::Space;

/// The unit of copying; also how much is written between two looks at the free space, times [`LOOK_EVERY`].
const CHUNK: usize = 1 << 20;
const LOOK_EVERY: u64 = 32;
/// Zeroes are left out in blocks of this size and alignment.
const BLOCK: usize = 4096;
const ZEROES: [u8; BLOCK] = [0; BLOCK];

/// Makes `target` share the blocks of `source`. `false` where the file system can't.
pub fn reflink(source: &File, target: &File) -> Result<bool, StorageError> {
    match rustix::fs::ioctl_ficlone(target, source) {
        Ok(()) => Ok(true),
        Err(Errno::OPNOTSUPP | Errno::NOTTY | Errno::INVAL | Errno::XDEV | Errno::NOSYS | Errno::PERM) => {
            Ok(false)
        }
        Err(errno) => Err(StorageError::io("clone a file")(errno.into())),
    }
}

/// Writes into a new file and leaves zeroes out. Looks at the free space from time to time, so that a copy whose size
/// wasn't known stops at the reserve.
pub struct SparseWriter<'a> {
    target: &'a File,
    space: &'a Space,
    written: u64,
    next_look: u64,
}

impl<'a> SparseWriter<'a> {
    /// Writes to `target`, which must be empty or full of zeroes.
    pub fn new(target: &'a File, space: &'a Space) -> Self {
        Self { target, space, written: 0, next_look: 0 }
    }

    /// Writes `data` at `offset`, but for its blocks of zeroes.
    pub fn write(&mut self, data: &[u8], offset: u64) -> Result<(), StorageError> {
        let mut at = 0;
        while let Some(run) = next_run(data, at) {
            self.look()?;
            let bytes = &data[run.clone()];
            self.target
                .write_all_at(bytes, offset + run.start as u64)
                .map_err(StorageError::io("write a disk"))?;
            self.written += bytes.len() as u64;
            at = run.end;
        }
        Ok(())
    }

    fn look(&mut self) -> Result<(), StorageError> {
        if self.written >= self.next_look {
            self.next_look = self.written + LOOK_EVERY * CHUNK as u64;
            self.space.require(Bytes(CHUNK as u64))?;
        }
        Ok(())
    }
}

/// The next run of blocks that aren't all zeroes, from block `at` on.
fn next_run(data: &[u8], at: usize) -> Option<std::ops::Range<usize>> {
    let block = |start: usize| &data[start..(start + BLOCK).min(data.len())];
    let is_zero = |start: usize| *block(start) == ZEROES[..block(start).len()];
    let mut starts = (at..data.len()).step_by(BLOCK);
    let start = starts.find(|&block| !is_zero(block))?;
    let end = starts.find(|&block| is_zero(block)).unwrap_or(data.len());
    Some(start..end)
}

/// Copies the first `len` bytes of `source`, hole by hole. `target` gets the length `len`.
pub fn copy_sparse(source: &File, target: &File, len: u64, space: &Space) -> Result<(), StorageError> {
    target.set_len(len).map_err(StorageError::io("size a disk"))?;
    let mut writer = SparseWriter::new(target, space);
    let mut buffer = vec![0; CHUNK];
    let mut at = 0;
    while let Some((start, end)) = next_data(source, at, len).map_err(StorageError::io("look for holes"))? {
        at = start;
        while at < end {
            let piece = &mut buffer[..((end - at) as usize).min(CHUNK)];
            source.read_exact_at(piece, at).map_err(StorageError::io("read the file being copied"))?;
            writer.write(piece, at)?;
            at += piece.len() as u64;
        }
    }
    Ok(())
}

/// The next piece of `file` from `at` that may hold data, cut to `len`.
fn next_data(file: &File, at: u64, len: u64) -> io::Result<Option<(u64, u64)>> {
    if at >= len {
        return Ok(None);
    }
    let start = match rustix::fs::seek(file, SeekFrom::Data(at)) {
        Ok(start) => start,
        Err(Errno::NXIO) => return Ok(None),
        Err(Errno::INVAL) => return Ok(Some((at, len))),
        Err(errno) => return Err(errno.into()),
    };
    if start >= len {
        return Ok(None);
    }
    let end = rustix::fs::seek(file, SeekFrom::Hole(start))?;
    Ok(Some((start, end.min(len))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::fs::MetadataExt;

    fn unlimited() -> (tempfile::TempDir, Space) {
        let dir = tempfile::tempdir().unwrap();
        let space = Space::new(dir.path().to_owned(), Bytes(0));
        (dir, space)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn a_copy_has_the_bytes_of_its_source(
            pieces in prop::collection::vec((0u64..3 << 20, prop::collection::vec(any::<u8>(), 1..9000)), 0..6),
            len in 1u64..4 << 20,
        ) {
            let (_dir, space) = unlimited();
            let (source, target) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
            for (offset, data) in &pieces {
                source.write_all_at(data, *offset).unwrap();
            }
            source.set_len(len).unwrap();
            copy_sparse(&source, &target, len, &space).unwrap();
            let read = |file: &File| {
                let mut all = vec![0; file.metadata().unwrap().len() as usize];
                file.read_exact_at(&mut all, 0).unwrap();
                all
            };
            prop_assert!(read(&source) == read(&target));
        }
    }

    #[test]
    fn written_zeroes_become_holes() {
        let (_dir, space) = unlimited();
        let (source, target) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        source.write_all_at(&vec![0; 8 << 20], 0).unwrap();
        source.write_all_at(b"x", 5 << 20).unwrap();
        copy_sparse(&source, &target, 8 << 20, &space).unwrap();
        let blocks = target.metadata().unwrap().blocks();
        assert!((1..=64).contains(&blocks), "{blocks} blocks of 512 bytes for one byte");
    }
}
