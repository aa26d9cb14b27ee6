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

/// Where descriptors that a specification or command names by number come from.
#[derive(Debug)]
pub enum Given {
    /// From the process that started this one.
    Inherited,
    /// From a message of the control socket, counted from 0; each can be taken once.
    Message(Vec<Option<OwnedFd>>),
}

impl Given {
    /// Those that came with a message.
    pub fn message(descriptors: Vec<OwnedFd>) -> Self {
        Self::Message(descriptors.into_iter().map(Some).collect())
    }

    /// Opens `source`.
    pub fn open(&mut self, source: &Source, writable: bool) -> io::Result<File> {
        match source {
            Source::Fd(fd) => self.take(*fd).map(File::from),
            Source::Path(_) => open(source, writable),
        }
    }

    /// Takes descriptor number `fd`.
    pub fn take(&mut self, fd: i32) -> io::Result<OwnedFd> {
        match self {
            Self::Inherited => take(fd),
            Self::Message(descriptors) => {
                let slot = usize::try_from(fd).ok().and_then(|index| descriptors.get_mut(index));
                slot.and_then(Option::take).ok_or_else(|| {
                    io::Error::new(
                        io::ErrorKind::InvalidInput,
                        "the descriptor did not come with the message, or is named twice",
                    )
                })
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_of_a_message_is_taken_once_and_by_its_number() {
        let mut given = Given::message(vec![File::open("/dev/null").unwrap().into()]);
        assert!(given.open(&Source::Fd(1), false).is_err());
        assert!(given.take(-1).is_err());
        assert!(given.open(&Source::Fd(0), false).is_ok());
        assert!(given.take(0).is_err());
    }
}
