//! A small blocking client of the control socket, one request at a time. The supervisor, tests and tools use it from
//! threads of their own.

use crate::fds::{self, FdQueue};
use crate::frame::{self, Decoder, FrameError};
use crate::{Command, Hello, Refusal, Reply, Request, Response, Status, WaitStatus};
use std::io::{self, Write};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The socket failed; an end of file means that the VMM is gone or closed the connection.
    #[error("the control socket failed")]
    Io(#[source] io::Error),
    /// The VMM sent something that is not a frame.
    #[error("the VMM's answer can't be read")]
    Frame(#[source] FrameError),
    /// The VMM said no.
    #[error("the VMM refused")]
    Refused(#[source] Refusal),
    /// The VMM answered something else than was asked.
    #[error("the VMM's answer does not fit the request")]
    Unexpected,
}

/// A connection to a VMM.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    decoder: Decoder,
    received: FdQueue,
    last_id: u64,
}

impl Client {
    /// Connects to a VMM's control socket.
    pub fn connect(path: &Path) -> Result<Self, ClientError> {
        UnixStream::connect(path).map(Self::new).map_err(ClientError::Io)
    }

    /// Speaks on a connected stream.
    pub fn new(stream: UnixStream) -> Self {
        Self { stream, decoder: Decoder::default(), received: FdQueue::default(), last_id: 0 }
    }

    /// How long a request may wait for the socket; nothing for ever. A request that ran into it leaves the connection
    /// unusable.
    pub fn set_timeout(&self, limit: Option<Duration>) -> Result<(), ClientError> {
        self.stream.set_read_timeout(limit).map_err(ClientError::Io)?;
        self.stream.set_write_timeout(limit).map_err(ClientError::Io)
    }

    /// The stream, for instance to shut it down from another thread.
    pub fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// Sends `command` and waits for its answer.
    pub fn call(&mut self, command: Command) -> Result<Reply, ClientError> {
        self.call_with(command, &[]).map(|(reply, _)| reply)
    }

    /// Sends `command` with the descriptors that it names as [`crate::Source::Fd`], counted from 0, and waits for its
    /// answer with the descriptors that come back.
    pub fn call_with(
        &mut self,
        command: Command,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<(Reply, Vec<OwnedFd>), ClientError> {
        self.last_id += 1;
        // A count that does not fit is refused by `fds::send`.
        let request = Request { id: self.last_id, fds: descriptors.len() as u8, command };
        let line = frame::encode(&request).map_err(ClientError::Frame)?;
        let sent = self.send_first(&line, descriptors).map_err(ClientError::Io)?;
        self.stream.write_all(&line[sent..]).map_err(ClientError::Io)?;
        let response = self.receive()?;
        let fds = self.received.take(response.fds).map_err(|error| ClientError::Io(error.into()))?;
        match response.result {
            Ok(reply) if response.id == self.last_id => Ok((reply, fds)),
            Ok(_) => Err(ClientError::Unexpected),
            Err(refusal) => Err(ClientError::Refused(refusal)),
        }
    }

    fn send_first(&self, line: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<usize> {
        loop {
            match fds::send(&self.stream, line, descriptors) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// [`Command::Hello`].
    pub fn hello(&mut self) -> Result<Hello, ClientError> {
        match self.call(Command::Hello)? {
            Reply::Hello(hello) => Ok(hello),
            _ => Err(ClientError::Unexpected),
        }
    }

    /// [`Command::Status`].
    pub fn status(&mut self) -> Result<Status, ClientError> {
        self.call_status(Command::Status)
    }

    /// [`Command::WaitStatus`].
    pub fn wait_status(&mut self, after: u64) -> Result<Status, ClientError> {
        self.call_status(Command::WaitStatus(WaitStatus { after }))
    }

    /// A command that is answered with a status: [`Command::Pause`], [`Command::Resume`].
    pub fn call_status(&mut self, command: Command) -> Result<Status, ClientError> {
        match self.call(command)? {
            Reply::Status(status) => Ok(status),
            _ => Err(ClientError::Unexpected),
        }
    }

    fn receive(&mut self) -> Result<Response, ClientError> {
        let mut buffer = [0; 16 * 1024];
        loop {
            if let Some(response) = self.decoder.next_frame().map_err(ClientError::Frame)? {
                return Ok(response);
            }
            match fds::receive(&self.stream, &mut buffer, &mut self.received) {
                Ok(0) => return Err(ClientError::Io(io::ErrorKind::UnexpectedEof.into())),
                Ok(count) => self.decoder.feed(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(ClientError::Io(error)),
            }
        }
    }
}
