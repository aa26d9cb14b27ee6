//! A layer's file as imago's storage: imago's own, beside a descriptor of the same open file that is known to us, so
//! that data whose place imago has told can be read and written by other ways than imago's.

use imago::Storage;
use imago::file::File;
use imago::io_buffers::{IoVector, IoVectorMut};
use imago::storage::PreallocateMode;
use imago::storage::drivers::CommonStorageHelper;
use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, RawFd};

/// The file of a layer.
#[derive(Debug)]
pub struct LayerFile {
    file: File,
    direct: std::fs::File,
}

impl LayerFile {
    /// Takes over an open file.
    pub fn new(file: std::fs::File) -> io::Result<Self> {
        Ok(Self { direct: file.try_clone()?, file: File::try_from(file)? })
    }

    /// Its descriptor.
    pub fn descriptor(&self) -> RawFd {
        self.direct.as_raw_fd()
    }

    /// Whether imago knows that the file is long enough for all of these bytes. Whoever makes a file longer has to tell
    /// imago, which else cuts off what it does not know of.
    pub fn has(&self, offset: u64, length: u64) -> bool {
        let end = offset.checked_add(length);
        end.is_some_and(|end| self.file.size().is_ok_and(|size| end <= size))
    }
}

impl fmt::Display for LayerFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.file.fmt(formatter)
    }
}

// SAFETY of the unsafe calls: the same contract is passed on.
impl Storage for LayerFile {
    fn mem_align(&self) -> usize {
        self.file.mem_align()
    }

    fn req_align(&self) -> usize {
        self.file.req_align()
    }

    fn zero_align(&self) -> usize {
        self.file.zero_align()
    }

    fn discard_align(&self) -> usize {
        self.file.discard_align()
    }

    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    unsafe fn pure_readv(&self, buffers: IoVectorMut<'_>, offset: u64) -> io::Result<()> {
        // SAFETY: as above.
        unsafe { self.file.pure_readv(buffers, offset) }
    }

    unsafe fn pure_writev(&self, buffers: IoVector<'_>, offset: u64) -> io::Result<()> {
        // SAFETY: as above.
        unsafe { self.file.pure_writev(buffers, offset) }
    }

    unsafe fn pure_write_zeroes(&self, offset: u64, length: u64) -> io::Result<()> {
        // SAFETY: as above.
        unsafe { self.file.pure_write_zeroes(offset, length) }
    }

    unsafe fn pure_write_allocated_zeroes(&self, offset: u64, length: u64) -> io::Result<()> {
        // SAFETY: as above.
        unsafe { self.file.pure_write_allocated_zeroes(offset, length) }
    }

    unsafe fn pure_discard(&self, offset: u64, length: u64) -> io::Result<()> {
        // SAFETY: as above.
        unsafe { self.file.pure_discard(offset, length) }
    }

    fn flush(&self) -> io::Result<()> {
        self.file.flush()
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    unsafe fn invalidate_cache(&self) -> io::Result<()> {
        // SAFETY: as above.
        unsafe { self.file.invalidate_cache() }
    }

    fn get_storage_helper(&self) -> &CommonStorageHelper {
        self.file.get_storage_helper()
    }

    fn resize(&self, size: u64, mode: PreallocateMode) -> io::Result<()> {
        self.file.resize(size, mode)
    }
}
