//! io_uring(7), cut down to what a disk does with it: read, write and make durable, on descriptors that are open.
//!
//! The ring is made in the thread that adds the disk and restricted before it is turned on, so that the disk's own
//! thread, which a guest's requests reach, can neither make another nor ask this one for anything else (io_uring's work
//! is not seen by seccomp). Completions count up the eventfd that the guest's notifications count up too: a thread that
//! waits for that waits for both.

use io_uring::{IoUring, opcode, register::Restriction, squeue, types};
use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use vmm_sys_util::eventfd::EventFd;

/// Operations that are submitted at once.
const ENTRIES: u32 = 256;
/// Operations under way.
pub const MOST: usize = 2 * ENTRIES as usize;
/// Most threads with which the kernel serves what it can't do without waiting: for files, for all else. The jail counts
/// them as the machine's.
const WORKERS: [u32; 2] = [3, 1];

/// The ring of a disk.
pub struct Ring {
    ring: IoUring,
}

/// What is asked of the kernel.
#[derive(Debug, Clone, Copy)]
pub enum Operation {
    /// Reads at an offset.
    Read(u64),
    /// Writes at an offset.
    Write(u64),
    /// Makes durable what was written.
    Sync,
}

impl Ring {
    /// A ring that counts `wake` up with each completion.
    pub fn new(wake: &EventFd) -> io::Result<Self> {
        let ring: IoUring = IoUring::builder().setup_r_disabled().setup_cqsize(MOST as u32).build(ENTRIES)?;
        let kept = ring.params().is_feature_nodrop() && ring.params().is_feature_submit_stable();
        if !kept {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let submitter = ring.submitter();
        submitter.register_eventfd(wake.as_raw_fd())?;
        // A kernel before 5.15 has bounds of its own.
        let _ = submitter.register_iowq_max_workers(&mut WORKERS.clone());
        let allowed = [opcode::Readv::CODE, opcode::Writev::CODE, opcode::Fsync::CODE];
        submitter.register_restrictions(&mut allowed.map(Restriction::sqe_op))?;
        submitter.register_enable_rings()?;
        Ok(Self { ring })
    }

    /// Lines up an operation, which begins with the next [`Self::submit`] at the latest.
    ///
    /// # Safety
    ///
    /// `buffers` and the memory that they name stay where they are until the completion of `tag` was taken.
    pub unsafe fn push(
        &mut self,
        tag: u64,
        file: RawFd,
        operation: Operation,
        buffers: &[libc::iovec],
    ) -> io::Result<()> {
        let (file, count) = (types::Fd(file), buffers.len() as u32);
        let entry = match operation {
            Operation::Read(offset) => {
                opcode::Readv::new(file, buffers.as_ptr(), count).offset(offset).build()
            }
            Operation::Write(offset) => {
                opcode::Writev::new(file, buffers.as_ptr(), count).offset(offset).build()
            }
            Operation::Sync => opcode::Fsync::new(file).flags(types::FsyncFlags::DATASYNC).build(),
        }
        .user_data(tag);
        if self.ring.submission().is_full() {
            self.submit(0)?;
        }
        // SAFETY: the caller's promise.
        let pushed: Result<(), squeue::PushError> = unsafe { self.ring.submission().push(&entry) };
        pushed.map_err(|_| io::ErrorKind::WouldBlock.into())
    }

    /// Begins what is lined up, and waits for `count` completions. None of our errors lasts.
    pub fn submit(&mut self, count: usize) -> io::Result<()> {
        loop {
            match self.ring.submit_and_wait(count) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Too little memory, or too much not taken yet: what is lined up stays so.
                Err(error) if is_passing(&error) => {
                    std::thread::yield_now();
                    if count == 0 || !self.ring.completion().is_empty() {
                        return Ok(());
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether something is lined up that has not begun.
    pub fn has_waiting(&mut self) -> bool {
        !self.ring.submission().is_empty()
    }

    /// The next completion: tag and result as a system call gives it.
    pub fn next(&mut self) -> Option<(u64, i32)> {
        self.ring.completion().next().map(|entry| (entry.user_data(), entry.result()))
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EBUSY | libc::ENOMEM))
}

impl fmt::Debug for Ring {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Ring").finish_non_exhaustive()
    }
}
