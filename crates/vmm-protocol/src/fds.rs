//! Descriptors that go with frames (`SCM_RIGHTS`, unix(7)): a jailed VMM can't open paths, so it is handed what it
//! needs. The kernel may deliver descriptors with bytes of an earlier frame, so they queue up, and each frame says how
//! many of them are its own.

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Most descriptors of one message, and most that may wait for their frame.
pub const MAX_FDS: usize = 32;

/// For `#[serde(skip_serializing_if)]`.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(crate) fn none(count: &u8) -> bool {
    *count == 0
}

/// What is wrong with the descriptors of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FdsError {
    /// More than [`MAX_FDS`].
    #[error("more than {MAX_FDS} descriptors were sent")]
    TooMany,
    /// A frame named more than were sent.
    #[error("a message comes with {named} descriptors, but {sent} were sent")]
    Missing {
        /// What the frame says.
        named: u8,
        /// What there is.
        sent: usize,
    },
}

impl From<FdsError> for io::Error {
    fn from(error: FdsError) -> Self {
        io::Error::new(io::ErrorKind::InvalidData, error)
    }
}

/// Descriptors that were received and wait for the frame they belong to. Those never fetched are closed with it.
#[derive(Debug, Default)]
pub struct FdQueue(VecDeque<OwnedFd>);

impl FdQueue {
    /// The next `count` descriptors.
    pub fn take(&mut self, count: u8) -> Result<Vec<OwnedFd>, FdsError> {
        let wanted = usize::from(count);
        if wanted > self.0.len() {
            return Err(FdsError::Missing { named: count, sent: self.0.len() });
        }
        Ok(self.0.drain(..wanted).collect())
    }

    fn add(&mut self, descriptor: OwnedFd) -> Result<(), FdsError> {
        if self.0.len() >= MAX_FDS {
            return Err(FdsError::TooMany);
        }
        self.0.push_back(descriptor);
        Ok(())
    }
}

/// Sends the begin of `bytes` with `descriptors`, and gives how many bytes were sent; the descriptors went with the
/// first of them, so what is left is sent without. `bytes` is not empty; signals are left to the caller.
pub fn send(stream: impl AsFd, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<usize> {
    if descriptors.len() > MAX_FDS {
        return Err(FdsError::TooMany.into());
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
    }
    Ok(sendmsg(stream, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL)?)
}

/// Receives bytes into `buffer` and descriptors into `queue`, closed on exec. 0 bytes are the end of the stream. Too
/// many descriptors are an error, after which the stream is of no use.
pub fn receive(stream: impl AsFd, buffer: &mut [u8], queue: &mut FdQueue) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let got = recvmsg(stream, &mut [IoSliceMut::new(buffer)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let mut result = Ok(());
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            // All are taken out, so that none stays open beyond the bound.
            for descriptor in descriptors {
                result = result.and(queue.add(descriptor));
            }
        }
    }
    if got.flags.contains(ReturnFlags::CTRUNC) {
        result = Err(FdsError::TooMany);
    }
    result?;
    Ok(got.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{Read, Seek, Write};
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    fn files(count: usize) -> Vec<OwnedFd> {
        (0..count).map(|_| File::open("/dev/null").unwrap().into()).collect()
    }

    fn borrowed(files: &[OwnedFd]) -> Vec<BorrowedFd<'_>> {
        files.iter().map(AsFd::as_fd).collect()
    }

    fn open_descriptors() -> usize {
        std::fs::read_dir("/proc/self/fd").unwrap().count()
    }

    #[test]
    fn a_descriptor_arrives_open_and_closed_on_exec() {
        let (here, there) = UnixStream::pair().unwrap();
        let mut file: File = tempfile();
        file.write_all(b"content").unwrap();
        assert_eq!(send(&here, b"{}\n", &[file.as_fd()]).unwrap(), 3);
        let (mut queue, mut buffer) = (FdQueue::default(), [0; 10]);
        assert_eq!(receive(&there, &mut buffer, &mut queue).unwrap(), 3);
        let got = queue.take(1).unwrap().remove(0);
        assert_ne!(got.as_raw_fd(), file.as_raw_fd());
        assert!(rustix::io::fcntl_getfd(&got).unwrap().contains(rustix::io::FdFlags::CLOEXEC));
        let (mut got, mut text) = (File::from(got), String::new());
        got.rewind().unwrap();
        got.read_to_string(&mut text).unwrap();
        assert_eq!(text, "content");
    }

    fn tempfile() -> File {
        let path = std::env::temp_dir().join(format!("fds-{}", std::process::id()));
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        file
    }

    /// The kernel may hand out the bytes of two messages at once, with the descriptors of the second.
    #[test]
    fn descriptors_wait_for_the_frame_that_names_them() {
        let (here, there) = UnixStream::pair().unwrap();
        send(&here, b"first\n", &[]).unwrap();
        send(&here, b"second\n", &borrowed(&files(2))).unwrap();
        let (mut queue, mut buffer, mut bytes) = (FdQueue::default(), [0; 20], 0);
        while bytes < 13 {
            bytes += receive(&there, &mut buffer, &mut queue).unwrap();
        }
        assert_eq!(queue.take(0).unwrap().len(), 0);
        assert_eq!(queue.take(3).unwrap_err(), FdsError::Missing { named: 3, sent: 2 });
        assert_eq!(queue.take(2).unwrap().len(), 2);
    }

    #[test]
    fn a_flood_of_descriptors_is_refused_and_none_stays_open() {
        let (here, there) = UnixStream::pair().unwrap();
        let sent = files(MAX_FDS);
        assert!(send(&here, b"x", &borrowed(&files(MAX_FDS + 1))).is_err());
        let (mut queue, mut buffer) = (FdQueue::default(), [0; 1]);
        send(&here, b"x", &borrowed(&sent)).unwrap();
        send(&here, b"x", &borrowed(&sent)).unwrap();
        receive(&there, &mut buffer, &mut queue).unwrap();
        let before = open_descriptors();
        let error = receive(&there, &mut buffer, &mut queue).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        // Other tests open and close descriptors meanwhile, but none of them 16.
        assert!(open_descriptors() < before + MAX_FDS / 2);
    }
}
