//! One operation on one file, between guest memory and where imago has told that the data is: a part of a request.

use super::layer::LayerFile;
use super::ring::{Operation, Ring};
use std::io;
use std::os::fd::RawFd;
use vm_memory::VolatileSlice;

/// An operation that begins with [`Transfer::begin`].
#[derive(Debug)]
pub struct Transfer {
    file: RawFd,
    operation: Operation,
    /// In guest memory.
    buffers: Vec<libc::iovec>,
    length: usize,
}

// SAFETY: the pointers are to guest memory, which is no thread's own.
unsafe impl Send for Transfer {}

impl Transfer {
    /// Reads to `buffers`.
    pub fn read(file: &LayerFile, offset: u64, buffers: &[VolatileSlice<'_>]) -> Self {
        Self::new(file, Operation::Read(offset), buffers)
    }

    /// Writes from `buffers`.
    pub fn write(file: &LayerFile, offset: u64, buffers: &[VolatileSlice<'_>]) -> Self {
        Self::new(file, Operation::Write(offset), buffers)
    }

    /// Makes a file durable.
    pub fn sync(file: &LayerFile) -> Self {
        Self::new(file, Operation::Sync, &[])
    }

    fn new(file: &LayerFile, operation: Operation, buffers: &[VolatileSlice<'_>]) -> Self {
        let buffers: Vec<_> = buffers
            .iter()
            .map(|slice| libc::iovec {
                iov_base: slice.ptr_guard_mut().as_ptr().cast(),
                iov_len: slice.len(),
            })
            .collect();
        let length = buffers.iter().map(|buffer| buffer.iov_len).sum();
        Self { file: file.descriptor(), operation, buffers, length }
    }

    /// Lines it up.
    ///
    /// # Safety
    ///
    /// This transfer, the file and the guest memory of its buffers live until the completion of `tag` was taken.
    pub unsafe fn begin(&self, ring: &mut Ring, tag: u64) -> io::Result<()> {
        // SAFETY: the caller's promise. The vector's heap memory does not move with the transfer.
        unsafe { ring.push(tag, self.file, self.operation, &self.buffers) }
    }

    /// Reads here and now if that is but a copy from the host's page cache, and tells whether it was.
    ///
    /// # Safety
    ///
    /// The file and the guest memory live.
    pub unsafe fn read_cached(&self) -> bool {
        let Operation::Read(offset) = self.operation else { return false };
        let (buffers, count) = (self.buffers.as_ptr(), self.buffers.len() as i32);
        // SAFETY: the buffers are guest memory, which lives.
        let read = unsafe { libc::preadv2(self.file, buffers, count, offset as i64, libc::RWF_NOWAIT) };
        usize::try_from(read).is_ok_and(|read| read == self.length)
    }

    /// Does it here and now.
    ///
    /// # Safety
    ///
    /// The file and the guest memory live.
    pub unsafe fn perform(&self) -> io::Result<()> {
        let (buffers, count) = (self.buffers.as_ptr(), self.buffers.len() as i32);
        // SAFETY: the buffers are guest memory, which lives.
        let done = checked(|| unsafe {
            match self.operation {
                Operation::Read(offset) => libc::preadv(self.file, buffers, count, offset as i64),
                Operation::Write(offset) => libc::pwritev(self.file, buffers, count, offset as i64),
                Operation::Sync => libc::fdatasync(self.file) as isize,
            }
        })?;
        // SAFETY: as above. No call moves more than 2 GiB.
        unsafe { self.complete(done as i32) }
    }

    /// Takes the result that the kernel gave. What is left of it, because it was cut short or the kernel had no means at
    /// the moment, is done here and now: that is rare, as at the end of a file.
    ///
    /// # Safety
    ///
    /// The file and the guest memory live.
    pub unsafe fn complete(&self, result: i32) -> io::Result<()> {
        let done = match result {
            0.. => result as usize,
            error if matches!(-error, libc::EINTR | libc::EAGAIN | libc::ECANCELED | libc::ENOMEM) => 0,
            error => return Err(io::Error::from_raw_os_error(-error)),
        };
        match self.operation {
            Operation::Sync if result < 0 => checked(|| {
                // SAFETY: no memory is involved.
                unsafe { libc::fdatasync(self.file) as isize }
            })
            .map(drop),
            Operation::Sync => Ok(()),
            _ if done >= self.length => Ok(()),
            // SAFETY: the caller's promise.
            Operation::Read(offset) => unsafe { self.read_rest(offset, done) },
            // SAFETY: the caller's promise.
            Operation::Write(offset) => unsafe { self.write_rest(offset, done) },
        }
    }

    /// Beyond the end of the file all is zero.
    unsafe fn read_rest(&self, offset: u64, done: usize) -> io::Result<()> {
        for (base, length, at) in self.rest(offset, done) {
            let mut read = 0;
            while read < length {
                // SAFETY: `base` and `length` lie within a buffer of guest memory.
                let count = checked(|| unsafe {
                    libc::pread(self.file, base.add(read).cast(), length - read, (at + read as u64) as i64)
                })?;
                if count == 0 {
                    // SAFETY: as above.
                    unsafe { base.add(read).write_bytes(0, length - read) };
                    break;
                }
                read += count;
            }
        }
        Ok(())
    }

    unsafe fn write_rest(&self, offset: u64, done: usize) -> io::Result<()> {
        for (base, length, at) in self.rest(offset, done) {
            let mut written = 0;
            while written < length {
                // SAFETY: `base` and `length` lie within a buffer of guest memory.
                let count = checked(|| unsafe {
                    libc::pwrite(
                        self.file,
                        base.add(written).cast(),
                        length - written,
                        (at + written as u64) as i64,
                    )
                })?;
                if count == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
                written += count;
            }
        }
        Ok(())
    }

    /// What is behind the first `done` bytes: address, length and place in the file.
    fn rest(&self, offset: u64, done: usize) -> impl Iterator<Item = (*mut u8, usize, u64)> {
        let mut passed = 0;
        self.buffers.iter().filter_map(move |buffer| {
            let skipped = done.saturating_sub(passed).min(buffer.iov_len);
            let at = offset + (passed + skipped) as u64;
            passed += buffer.iov_len;
            let base = buffer.iov_base.cast::<u8>().wrapping_add(skipped);
            (skipped < buffer.iov_len).then_some((base, buffer.iov_len - skipped, at))
        })
    }
}

/// Calls again what a signal interrupted.
fn checked(mut call: impl FnMut() -> isize) -> io::Result<usize> {
    loop {
        match call() {
            -1 => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
            count => return Ok(count as usize),
        }
    }
}
