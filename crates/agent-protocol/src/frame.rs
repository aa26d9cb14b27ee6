//! Frames: a header of four bytes, then the payload. The header's first byte is the [`Channel`], the other three are
//! the payload's length, big-endian, at most [`MAX_PAYLOAD`].

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The most bytes of a frame's payload.
pub const MAX_PAYLOAD: usize = 64 * 1024;

/// Bytes of a frame's header.
pub const HEADER: usize = 4;

/// What a frame's payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Channel {
    /// A message as JSON.
    Message = 0,
    /// Bytes: of standard input, of a file, of a forwarded connection.
    Data = 1,
    /// Bytes of standard output.
    Output = 2,
    /// Bytes of standard error.
    Errors = 3,
}

/// A whole frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What the payload is.
    pub channel: Channel,
    /// The payload.
    pub payload: Vec<u8>,
}

/// What can be wrong with a frame.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The header names no channel.
    #[error("a frame is of channel {0}, which there is not")]
    Channel(u8),
    /// The header tells of more bytes than allowed.
    #[error("a frame has {0} bytes, at most {MAX_PAYLOAD} are taken")]
    TooLong(usize),
    /// The frame is no message.
    #[error("a frame of data came where a message belongs")]
    NotAMessage,
    /// The message is not of a known form.
    #[error("a message is not of a known form")]
    Json(#[source] serde_json::Error),
}

impl Frame {
    /// A message in a frame.
    pub fn message(message: &impl Serialize) -> Result<Self, FrameError> {
        let payload = serde_json::to_vec(message).map_err(FrameError::Json)?;
        if payload.len() > MAX_PAYLOAD {
            return Err(FrameError::TooLong(payload.len()));
        }
        Ok(Self { channel: Channel::Message, payload })
    }

    /// The message in a frame.
    pub fn read_message<T: DeserializeOwned>(&self) -> Result<T, FrameError> {
        if self.channel != Channel::Message {
            return Err(FrameError::NotAMessage);
        }
        serde_json::from_slice(&self.payload).map_err(FrameError::Json)
    }

    /// The frame as it travels.
    pub fn encode(&self) -> Result<Vec<u8>, FrameError> {
        let mut bytes = Vec::with_capacity(HEADER + self.payload.len());
        bytes.extend(header(self.channel, self.payload.len())?);
        bytes.extend_from_slice(&self.payload);
        Ok(bytes)
    }
}

/// The header of a frame with so many bytes.
pub fn header(channel: Channel, length: usize) -> Result<[u8; HEADER], FrameError> {
    if length > MAX_PAYLOAD {
        return Err(FrameError::TooLong(length));
    }
    // At most 65,536: three bytes hold it.
    let [_, high, middle, low] = (length as u32).to_be_bytes();
    Ok([channel as u8, high, middle, low])
}

/// What a header says: the channel and the payload's length.
pub fn read_header(header: [u8; HEADER]) -> Result<(Channel, usize), FrameError> {
    let [channel, high, middle, low] = header;
    let channel = match channel {
        0 => Channel::Message,
        1 => Channel::Data,
        2 => Channel::Output,
        3 => Channel::Errors,
        other => return Err(FrameError::Channel(other)),
    };
    let length = u32::from_be_bytes([0, high, middle, low]) as usize;
    if length > MAX_PAYLOAD { Err(FrameError::TooLong(length)) } else { Ok((channel, length)) }
}

/// Cuts a stream of bytes into frames. It keeps what it was fed and not asked for yet, so it is to be asked until it
/// has nothing more before it is fed again; then it holds less than one frame.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// Where in the buffer the next frame begins.
    at: usize,
}

impl Decoder {
    /// Takes bytes as they came.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.at);
        self.at = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame, if there is one. After an error the stream is of no use any more.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        let left = &self.buffer[self.at..];
        let Some((head, rest)) = left.split_first_chunk::<HEADER>() else { return Ok(None) };
        let (channel, length) = read_header(*head)?;
        let Some(payload) = rest.get(..length) else { return Ok(None) };
        let frame = Frame { channel, payload: payload.to_vec() };
        self.at += HEADER + length;
        Ok(Some(frame))
    }

    /// What was fed and belongs to no frame that was given out.
    pub fn rest(&self) -> &[u8] {
        &self.buffer[self.at..]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame() -> impl Strategy<Value = Frame> {
        let channels = vec![Channel::Message, Channel::Data, Channel::Output, Channel::Errors];
        let payload =
            prop_oneof![prop::collection::vec(any::<u8>(), 0..40), Just(vec![7; MAX_PAYLOAD]), Just(vec![])];
        (prop::sample::select(channels), payload).prop_map(|(channel, payload)| Frame { channel, payload })
    }

    proptest! {
        #[test]
        fn frames_survive_any_cutting(frames in prop::collection::vec(frame(), 0..5), cut in 1usize..70_000) {
            let stream: Vec<u8> = frames.iter().flat_map(|frame| frame.encode().unwrap()).collect();
            let mut decoder = Decoder::default();
            let mut got = Vec::new();
            for piece in stream.chunks(cut) {
                decoder.feed(piece);
                while let Some(frame) = decoder.next_frame().unwrap() {
                    got.push(frame);
                }
                prop_assert!(decoder.rest().len() < HEADER + MAX_PAYLOAD);
            }
            prop_assert_eq!(got, frames);
            prop_assert!(decoder.rest().is_empty());
        }

        #[test]
        fn any_bytes_are_frames_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut decoder = Decoder::default();
            decoder.feed(&bytes);
            while let Ok(Some(frame)) = decoder.next_frame() {
                _ = frame.read_message::<crate::ClientMessage>();
                _ = frame.read_message::<crate::AgentMessage>();
            }
        }
    }

    #[test]
    fn a_frame_that_is_too_long_is_refused_by_its_header() {
        let mut decoder = Decoder::default();
        decoder.feed(&[1, 1, 0, 1]);
        assert!(matches!(decoder.next_frame(), Err(FrameError::TooLong(65_537))));
        let long = Frame { channel: Channel::Data, payload: vec![0; MAX_PAYLOAD + 1] };
        assert!(matches!(long.encode(), Err(FrameError::TooLong(_))));
        assert!(matches!(Frame::message(&"x".repeat(MAX_PAYLOAD)), Err(FrameError::TooLong(_))));
    }

    #[test]
    fn a_channel_that_there_is_not_is_refused() {
        assert!(matches!(read_header([4, 0, 0, 0]), Err(FrameError::Channel(4))));
    }
}
