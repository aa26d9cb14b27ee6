//! Frames from and to a stream.

use cumulet_agent_protocol::frame::header;
use cumulet_agent_protocol::{AgentMessage, CHUNK, Channel, ClientMessage, Decoder, Frame};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::AgentError;

/// The reading side.
#[derive(Debug)]
pub struct FrameReader<R> {
    stream: R,
    decoder: Decoder,
    buffer: Vec<u8>,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// Of a stream.
    pub fn new(stream: R) -> Self {
        Self { stream, decoder: Decoder::default(), buffer: vec![0; CHUNK] }
    }

    /// The next frame; none at the stream's end. May be dropped while it waits: nothing is lost.
    pub async fn next(&mut self) -> Result<Option<Frame>, AgentError> {
        loop {
            if let Some(frame) = self.decoder.next_frame()? {
                return Ok(Some(frame));
            }
            match self.stream.read(&mut self.buffer).await? {
                0 => return Ok(None),
                count => self.decoder.feed(&self.buffer[..count]),
            }
        }
    }

    /// The next frame, which must be a message and no failure.
    pub async fn hear(&mut self) -> Result<AgentMessage, AgentError> {
        let frame = self.next().await?.ok_or(AgentError::Closed)?;
        match frame.read_message()? {
            AgentMessage::Failed(failure) => Err(AgentError::Failed(failure)),
            message => Ok(message),
        }
    }

    /// The stream, with what was read of it and not given out.
    pub fn into_parts(self) -> (R, Vec<u8>) {
        let rest = self.decoder.rest().to_vec();
        (self.stream, rest)
    }
}

/// The writing side.
#[derive(Debug)]
pub struct FrameWriter<W> {
    stream: W,
}

impl<W: AsyncWrite + Unpin> FrameWriter<W> {
    /// Of a stream.
    pub fn new(stream: W) -> Self {
        Self { stream }
    }

    /// Sends a message.
    pub async fn say(&mut self, message: &ClientMessage) -> Result<(), AgentError> {
        let frame = Frame::message(message)?;
        Ok(self.write(&frame.encode()?).await?)
    }

    /// Sends bytes, in as many frames as it takes.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<(), AgentError> {
        for chunk in bytes.chunks(CHUNK) {
            let mut whole = Vec::with_capacity(chunk.len() + 4);
            whole.extend(header(Channel::Data, chunk.len())?);
            whole.extend_from_slice(chunk);
            self.write(&whole).await?;
        }
        Ok(())
    }

    /// The stream.
    pub fn into_inner(self) -> W {
        self.stream
    }

    async fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }
}
