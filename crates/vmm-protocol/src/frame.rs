//! Framing: one JSON object per line, at most [`MAX_FRAME`] bytes with its newline. The decoder is fed with bytes from
//! anywhere and keeps no more than one frame, so a peer can't make it grow.

use serde::{Serialize, de::DeserializeOwned};

/// The longest frame, newline included.
pub const MAX_FRAME: usize = 256 * 1024;

/// What can be wrong with a frame.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The peer sent a line longer than [`MAX_FRAME`].
    #[error("a frame is longer than {MAX_FRAME} bytes")]
    TooLong,
    /// The line is not the JSON that was expected.
    #[error("a frame is not valid")]
    Json(#[source] serde_json::Error),
}

/// Encodes `message` as a line.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, FrameError> {
    let mut line = serde_json::to_vec(message).map_err(FrameError::Json)?;
    line.push(b'\n');
    if line.len() > MAX_FRAME { Err(FrameError::TooLong) } else { Ok(line) }
}

/// Cuts a stream of bytes into frames.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// Bytes of `buffer` already searched for a newline.
    searched: usize,
}

impl Decoder {
    /// Takes bytes as they came from the peer. Call [`Decoder::next_frame`] until it has no more before the next call.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame, if there is one. Empty lines are skipped.
    pub fn next_frame<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        while let Some(position) = self.buffer[self.searched..].iter().position(|&byte| byte == b'\n') {
            let end = self.searched + position;
            self.searched = 0;
            if end + 1 > MAX_FRAME {
                return Err(FrameError::TooLong);
            }
            let line: Vec<u8> = self.buffer.drain(..=end).collect();
            if !line.trim_ascii().is_empty() {
                return serde_json::from_slice(&line).map(Some).map_err(FrameError::Json);
            }
        }
        self.searched = self.buffer.len();
        if self.buffer.len() >= MAX_FRAME { Err(FrameError::TooLong) } else { Ok(None) }
    }
}

/// Bytes as base64 text in JSON; for `#[serde(with)]`.
pub mod base64_bytes {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes `bytes` as base64.
    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    /// Reads base64.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        STANDARD.decode(text.as_bytes()).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Command, ConsoleWrite, Request};
    use proptest::prelude::*;

    #[test]
    fn a_line_without_end_is_refused_before_it_fills_memory() {
        let mut decoder = Decoder::default();
        let mut fed = 0;
        loop {
            decoder.feed(&[b'x'; 4096]);
            fed += 4096;
            match decoder.next_frame::<Request>() {
                Ok(None) => assert!(fed < MAX_FRAME),
                Err(FrameError::TooLong) => break assert!(fed <= MAX_FRAME),
                other => panic!("{other:?}"),
            }
        }
    }

    proptest! {
        #[test]
        fn frames_survive_any_cutting(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..6), cut in 1usize..40,
        ) {
            let sent: Vec<Request> = payloads.into_iter().enumerate().map(|(id, data)| Request {
                id: id as u64, fds: 0, command: Command::ConsoleWrite(ConsoleWrite { data }),
            }).collect();
            let stream: Vec<u8> = sent.iter().flat_map(|request| encode(request).unwrap()).collect();
            let mut decoder = Decoder::default();
            let mut got = Vec::new();
            for piece in stream.chunks(cut) {
                decoder.feed(piece);
                while let Some(request) = decoder.next_frame::<Request>().unwrap() {
                    got.push(request);
                }
            }
            prop_assert_eq!(sent, got);
        }
    }
}
