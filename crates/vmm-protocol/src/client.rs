//! A small blocking client of the control socket, one request at a time. The supervisor, tests and tools use it from
//! threads of their own.

use crate::frame::{self, Decoder, FrameError};
use crate::{Command, Hello, Refusal, Reply, Request, Response, Status, WaitStatus};
use std::io::{self, Read, Write};
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
    last_id: u64,
}

impl Client {
    /// Connects to a VMM's control socket.
    pub fn connect(path: &Path) -> Result<Self, ClientError> {
        UnixStream::connect(path).map(Self::new).map_err(ClientError::Io)
    }

    /// Speaks on a connected stream.
    pub fn new(stream: UnixStream) -> Self {
        Self { stream, decoder: Decoder::default(), last_id: 0 }
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
        self.last_id += 1;
        let line = frame::encode(&Request { id: self.last_id, command }).map_err(ClientError::Frame)?;
        self.stream.write_all(&line).map_err(ClientError::Io)?;
        let response = self.receive()?;
        match response.result {
            Ok(reply) if response.id == self.last_id => Ok(reply),
            Ok(_) => Err(ClientError::Unexpected),
            Err(refusal) => Err(ClientError::Refused(refusal)),
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
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(ClientError::Io(io::ErrorKind::UnexpectedEof.into())),
                Ok(count) => self.decoder.feed(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(ClientError::Io(error)),
            }
        }
    }
}
