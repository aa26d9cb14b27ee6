//! Opens what a specification names: takes over an inherited descriptor, or opens a path.

use cumulet_vmm_protocol::Source;
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

/// Opens `source`. An inherited descriptor becomes ours and is closed on exec.
pub fn open(source: &Source, writable: bool) -> io::Result<File> {
    match source {
        Source::Path(path) => {
            let access = if writable { OFlags::RDWR } else { OFlags::RDONLY };
            Ok(File::from(rustix::fs::open(path, access | OFlags::CLOEXEC, Mode::empty())?))
        }
        Source::Fd(fd) => take(*fd).map(File::from),
    }
}

/// Takes over inherited descriptor `fd`, which is refused if it is not open or was taken before.
pub fn take(fd: i32) -> io::Result<OwnedFd> {
    // SAFETY: fcntl on a number touches no memory; a number that is no descriptor gives EBADF.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
    if flags < 0 {
        return Err(io::Error::last_os_error());
    }
    if flags & libc::FD_CLOEXEC != 0 {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the descriptor was not inherited, or is named twice",
        ));
    }
    // SAFETY: as above.
    unsafe { libc::fcntl(fd, libc::F_SETFD, flags | libc::FD_CLOEXEC) };
    // SAFETY: the descriptor is open, and nobody in this process owns it: what this process opens itself has
    // FD_CLOEXEC set, and so has what was taken before.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
