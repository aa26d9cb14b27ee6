//! The control socket's client. The VMM on the other side may hang, flood or lie: each call has a time limit, answers
//! are bounded by the framing, and what does not fit the question is an error.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use cumulet_vmm_protocol::fds::{self, FdQueue};
use cumulet_vmm_protocol::frame::{self, Decoder, FrameError};
use cumulet_vmm_protocol::{Command, Refusal, RefusalCode, Reply, Request, Response};
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::socket;

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Nobody listens.
    #[error("the control socket can't be reached")]
    Connect(#[source] io::Error),
    /// The socket failed.
    #[error("the control socket failed")]
    Io(#[source] io::Error),
    /// The VMM closed the connection.
    #[error("the VMM closed the connection")]
    Closed,
    /// No answer in time.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// What came is not a frame.
    #[error("the answer can't be read")]
    Frame(#[source] FrameError),
    /// The VMM said no.
    #[error("the VMM refused")]
    Refused(#[source] Refusal),
    /// The answer is not one to the question.
    #[error("the answer does not fit the question")]
    Unexpected,
}

impl ControlError {
    /// Whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::TimedOut(_) => true,
            Self::Refused(refusal) => matches!(refusal.code, RefusalCode::Busy | RefusalCode::WrongPhase),
            _ => false,
        }
    }
}

/// A connection, for one call after the other.
#[derive(Debug)]
pub struct Control {
    stream: UnixStream,
    decoder: Decoder,
    received: FdQueue,
    last_id: u64,
}

impl Control {
    /// Connects within `limit` to process `pid`.
    pub async fn connect(path: &Path, pid: u32, limit: Duration) -> Result<Self, ControlError> {
        let connected = timeout(limit, socket::connect(path, pid));
        let stream =
            connected.await.map_err(|_| ControlError::TimedOut(limit))?.map_err(ControlError::Connect)?;
        Ok(Self { stream, decoder: Decoder::default(), received: FdQueue::default(), last_id: 0 })
    }

    /// Asks and waits for the answer, `limit` for both. After an error other than a refusal the connection is of no
    /// use any more.
    pub async fn call(&mut self, command: Command, limit: Duration) -> Result<Reply, ControlError> {
        self.call_with(command, &[], limit).await.map(|(reply, _)| reply)
    }

    /// As [`Control::call`], with the descriptors that the command names as [`cumulet_vmm_protocol::Source::Fd`],
    /// counted from 0; gives those that come with the answer.
    pub async fn call_with(
        &mut self,
        command: Command,
        descriptors: &[OwnedFd],
        limit: Duration,
    ) -> Result<(Reply, Vec<OwnedFd>), ControlError> {
        let exchanged = timeout(limit, self.exchange(command, descriptors)).await;
        exchanged.map_err(|_| ControlError::TimedOut(limit))?
    }

    async fn exchange(
        &mut self,
        command: Command,
        descriptors: &[OwnedFd],
    ) -> Result<(Reply, Vec<OwnedFd>), ControlError> {
        self.last_id += 1;
        // A count that does not fit is refused by `fds::send`.
        let request = Request { id: self.last_id, fds: descriptors.len() as u8, command };
        let line = frame::encode(&request).map_err(ControlError::Frame)?;
        let borrowed: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
        let sent =
            self.stream.async_io(Interest::WRITABLE, || fds::send(&self.stream, &line, &borrowed)).await;
        let sent = sent.map_err(closed_or_failed)?;
        self.stream.write_all(&line[sent..]).await.map_err(closed_or_failed)?;
        let response = self.receive().await?;
        match response.result {
            // A VMM refuses before it has read a request when it has too many connections.
            Err(refusal) => Err(ControlError::Refused(refusal)),
            Ok(reply) if response.id == self.last_id => {
                let fds = self.received.take(response.fds).map_err(|error| ControlError::Io(error.into()))?;
                Ok((reply, fds))
            }
            Ok(_) => Err(ControlError::Unexpected),
        }
    }

    async fn receive(&mut self) -> Result<Response, ControlError> {
        let mut buffer = [0; 8 << 10];
        loop {
            if let Some(response) = self.decoder.next_frame().map_err(ControlError::Frame)? {
                return Ok(response);
            }
            let (stream, received) = (&self.stream, &mut self.received);
            let read =
                stream.async_io(Interest::READABLE, || fds::receive(stream, &mut buffer, received)).await;
            match read.map_err(closed_or_failed)? {
                0 => return Err(ControlError::Closed),
                count => self.decoder.feed(&buffer[..count]),
            }
        }
    }
}

fn closed_or_failed(error: io::Error) -> ControlError {
    match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => ControlError::Closed,
        _ => ControlError::Io(error),
    }
}

/// Connects to process `pid`, asks once, hangs up.
pub async fn call_once(
    path: &Path,
    pid: u32,
    command: Command,
    limit: Duration,
) -> Result<Reply, ControlError> {
    Control::connect(path, pid, limit).await?.call(command, limit).await
}
