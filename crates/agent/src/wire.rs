//! Frames on a stream: read by one thread, written by several.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cumulet_agent_protocol::frame::header;
use cumulet_agent_protocol::{AgentMessage, Channel, Decoder, Failure, Frame, FrameError};

/// How long a client that was told the end may take to go.
const PARTING: Duration = Duration::from_secs(10);

/// Why there are no more frames.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The stream failed.
    #[error("the connection failed")]
    Io(#[from] io::Error),
    /// What came is no frame.
    #[error("the client sends nonsense")]
    Frame(#[from] FrameError),
}

/// The reading side.
pub struct Reader {
    stream: UnixStream,
    decoder: Decoder,
    buffer: Vec<u8>,
}

impl Reader {
    /// The next frame; none at the stream's end.
    pub fn next(&mut self) -> Result<Option<Frame>, WireError> {
        loop {
            if let Some(frame) = self.decoder.next_frame()? {
                return Ok(Some(frame));
            }
            match self.stream.read(&mut self.buffer) {
                Ok(0) => return Ok(None),
                Ok(count) => self.decoder.feed(&self.buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// How long [`Reader::next`] waits for bytes; for ever where none is given.
    pub fn patience(&self, limit: Option<Duration>) -> io::Result<()> {
        self.stream.set_read_timeout(limit)
    }

    /// Waits until the client has gone, for a while: were the connection closed before it has read everything, with
    /// something of its own unread here, it could lose the end of what it was told.
    pub fn part(mut self) {
        _ = self.stream.shutdown(Shutdown::Write);
        let until = Instant::now() + PARTING;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.stream.set_read_timeout(Some(left)).is_err() {
                return;
            }
            match self.stream.read(&mut self.buffer) {
                Ok(1..) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                _ => return,
            }
        }
    }
}

/// The writing side; a frame is written whole before the next one.
#[derive(Clone)]
pub struct Writer {
    stream: Arc<Mutex<UnixStream>>,
}

impl Writer {
    /// Sends a message.
    pub fn say(&self, message: &AgentMessage) -> Result<(), WireError> {
        let frame = Frame::message(message)?;
        self.send(frame.channel, &frame.payload)
    }

    /// Says that it can't be done.
    pub fn fail(&self, failure: Failure) -> Result<(), WireError> {
        self.say(&AgentMessage::Failed(failure))
    }

    /// Sends bytes.
    pub fn send(&self, channel: Channel, bytes: &[u8]) -> Result<(), WireError> {
        let mut whole = Vec::with_capacity(bytes.len() + 4);
        whole.extend(header(channel, bytes.len())?);
        whole.extend_from_slice(bytes);
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(stream.write_all(&whole)?)
    }

    /// Ends the connection both ways.
    pub fn close(&self) {
        let stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        _ = stream.shutdown(Shutdown::Both);
    }
}

/// Both sides of a stream.
pub fn split(stream: UnixStream) -> io::Result<(Reader, Writer)> {
    let writer = Writer { stream: Arc::new(Mutex::new(stream.try_clone()?)) };
    Ok((Reader { stream, decoder: Decoder::default(), buffer: vec![0; 32 * 1024] }, writer))
}
