//! Signals that end the machine come by a descriptor; they are blocked in every thread.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// What a signal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// SIGTERM or SIGINT.
    Kill,
    /// The parent is gone.
    ParentDied,
}

/// The descriptor.
#[derive(Debug)]
pub struct Signals(OwnedFd);

/// Sent by the kernel when the parent dies, if the specification wants that.
const PARENT_DIED: i32 = libc::SIGUSR1;

impl Signals {
    /// Blocks the signals in this thread and those it makes. Call it before there are others.
    pub fn block() -> io::Result<Self> {
        // SAFETY: the set is initialised by sigemptyset before it is used; all pointers are to it.
        unsafe {
            let mut set = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            for signal in [libc::SIGTERM, libc::SIGINT, PARENT_DIED] {
                libc::sigaddset(&raw mut set, signal);
            }
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
            // A write beyond a limit of the file's size shall fail, not kill.
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
            match libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) {
                -1 => Err(io::Error::last_os_error()),
                descriptor => Ok(Self(OwnedFd::from_raw_fd(descriptor))),
            }
        }
    }

    /// Asks for a signal at the parent's death; true if it is dead already.
    pub fn watch_parent(parent: u32) -> bool {
        // SAFETY: PR_SET_PDEATHSIG takes a number; getppid takes nothing.
        unsafe {
            libc::prctl(libc::PR_SET_PDEATHSIG, PARENT_DIED);
            libc::getppid() as u32 != parent
        }
    }

    /// The next signal, if one came.
    pub fn take(&self) -> Option<Asked> {
        let mut info = [0; size_of::<libc::signalfd_siginfo>()];
        let count = rustix::io::read(&self.0, &mut info).ok()?;
        // `ssi_signo` is the first field.
        let number = i32::from_ne_bytes(info.get(..4).filter(|_| count == info.len())?.try_into().ok()?);
        Some(if number == PARENT_DIED { Asked::ParentDied } else { Asked::Kill })
    }
}

impl AsRawFd for Signals {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
