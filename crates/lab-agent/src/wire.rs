//! Frames on a port: one byte of kind, four bytes of length (little endian), the payload.
//!
//! A port is a byte stream that outlives the programs at its ends: whoever comes to it may find the rest of an
//! earlier talk. So each talk begins with a greeting, a frame that is easily told from anything else and carries
//! a number chosen by the host: both sides throw away what comes before it, the host until its own number comes
//! back. A greeting in the middle of a talk says that its host has gone and another one has come.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

/// The longest payload either side takes, in bytes.
pub const MAX_PAYLOAD: usize = 4 << 20;

/// What a greeting begins with: its kind, its length, and bytes that are unlikely in any output.
const GREETING: [u8; 13] = *b"g\x10\0\0\0\0\xffLAB\xfe1\n";
/// The part of it that is payload.
const MAGIC: &[u8] = GREETING.split_at(5).1;

/// What to run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Program and arguments. The program is looked up in the `PATH` of `environment`.
    pub arguments: Vec<String>,
    /// The working directory; it must exist.
    pub directory: String,
    /// The whole environment.
    pub environment: Vec<(String, String)>,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The beginning of a talk, with the host's number; the lab answers with the same.
    Greeting(u64),
    /// Host to lab: start this; once in each talk.
    Run(Request),
    /// Host to lab: send this signal number to the command's process group.
    Signal(i32),
    /// Host to lab: the talk is over; the answer to its last frame.
    Bye,
    /// Lab to host: bytes the command wrote to its standard output.
    Stdout(Vec<u8>),
    /// Lab to host: bytes the command wrote to its standard error.
    Stderr(Vec<u8>),
    /// Lab to host: the command's exit status, 128 plus the signal's number for a killed one. The last frame.
    Exit(i32),
    /// Lab to host: the command could not be started, and why. The last frame.
    Failed(String),
}

/// Why a talk broke off.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The stream could not be read or written.
    #[error("the port failed")]
    Io(#[from] io::Error),
    /// A frame announced more than [`MAX_PAYLOAD`].
    #[error("a frame of {0} bytes is longer than allowed")]
    TooLong(usize),
    /// A frame that neither side sends.
    #[error("a frame of unknown kind {0}")]
    UnknownKind(u8),
    /// A frame whose payload is not what its kind asks for.
    #[error("a frame of kind {0} has an unreadable payload")]
    Payload(u8),
}

/// Reads up to and including the next greeting, and gives its number.
pub fn await_greeting(stream: &mut impl Read) -> io::Result<u64> {
    let mut window = [0; GREETING.len()];
    stream.read_exact(&mut window)?;
    while window != GREETING {
        window.rotate_left(1);
        stream.read_exact(&mut window[GREETING.len() - 1..])?;
    }
    let mut number = [0; 8];
    stream.read_exact(&mut number)?;
    Ok(u64::from_le_bytes(number))
}

impl Frame {
    /// Writes the frame with one call to `write`, where the stream takes it whole.
    pub fn send(&self, stream: &mut impl Write) -> Result<(), WireError> {
        let payload = self.payload();
        let mut bytes = Vec::with_capacity(payload.len() + 5);
        bytes.push(self.kind());
        bytes.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend_from_slice(&payload);
        stream.write_all(&bytes)?;
        Ok(stream.flush()?)
    }

    /// Reads the next frame.
    pub fn receive(stream: &mut impl Read) -> Result<Self, WireError> {
        let mut header = [0; 5];
        stream.read_exact(&mut header)?;
        let [kind, length @ ..] = header;
        let length = u32::from_le_bytes(length) as usize;
        if length > MAX_PAYLOAD {
            return Err(WireError::TooLong(length));
        }
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload)?;
        Self::decode(kind, payload)
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Greeting(_) => b'g',
            Self::Run(_) => b'r',
            Self::Signal(_) => b's',
            Self::Bye => b'b',
            Self::Stdout(_) => b'1',
            Self::Stderr(_) => b'2',
            Self::Exit(_) => b'x',
            Self::Failed(_) => b'f',
        }
    }

    fn payload(&self) -> Vec<u8> {
        match self {
            Self::Greeting(number) => [MAGIC, &number.to_le_bytes()].concat(),
            Self::Bye => Vec::new(),
            Self::Run(request) => serde_json::to_vec(request).unwrap_or_default(),
            Self::Signal(number) | Self::Exit(number) => number.to_le_bytes().to_vec(),
            Self::Stdout(bytes) | Self::Stderr(bytes) => bytes.clone(),
            Self::Failed(text) => text.clone().into_bytes(),
        }
    }

    fn decode(kind: u8, payload: Vec<u8>) -> Result<Self, WireError> {
        let number =
            |bytes: &[u8]| bytes.try_into().map(i32::from_le_bytes).map_err(|_| WireError::Payload(kind));
        Ok(match kind {
            b'g' => Self::Greeting(
                payload
                    .strip_prefix(MAGIC)
                    .and_then(|rest| rest.try_into().ok())
                    .map(u64::from_le_bytes)
                    .ok_or(WireError::Payload(kind))?,
            ),
            b'b' => Self::Bye,
            b'r' => Self::Run(serde_json::from_slice(&payload).map_err(|_| WireError::Payload(kind))?),
            b's' => Self::Signal(number(&payload)?),
            b'1' => Self::Stdout(payload),
            b'2' => Self::Stderr(payload),
            b'x' => Self::Exit(number(&payload)?),
            b'f' => Self::Failed(String::from_utf8(payload).map_err(|_| WireError::Payload(kind))?),
            _ => return Err(WireError::UnknownKind(kind)),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame() -> impl Strategy<Value = Frame> {
        let pairs = prop::collection::vec((".*", ".*"), 0..4);
        let request = (prop::collection::vec(".*", 0..4), ".*", pairs);
        prop_oneof![
            any::<u64>().prop_map(Frame::Greeting),
            Just(Frame::Bye),
            request.prop_map(|(arguments, directory, environment)| {
                Frame::Run(Request { arguments, directory, environment })
            }),
            any::<i32>().prop_map(Frame::Signal),
            any::<i32>().prop_map(Frame::Exit),
            any::<Vec<u8>>().prop_map(Frame::Stdout),
            any::<Vec<u8>>().prop_map(Frame::Stderr),
            ".*".prop_map(Frame::Failed),
        ]
    }

    proptest! {
        #[test]
        fn a_talk_is_read_as_it_was_written(frames in prop::collection::vec(frame(), 0..8)) {
            let mut stream = Vec::new();
            for frame in &frames {
                frame.send(&mut stream).unwrap();
            }
            let mut rest = stream.as_slice();
            for frame in frames {
                prop_assert_eq!(Frame::receive(&mut rest).unwrap(), frame);
            }
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn a_greeting_is_found_behind_the_rest_of_an_older_talk(rest: Vec<u8>, number: u64) {
            let mut stream = rest;
            // The beginning of a greeting that was cut off must not hide the one that follows.
            stream.extend_from_slice(&GREETING[..3]);
            Frame::Greeting(number).send(&mut stream).unwrap();
            prop_assert_eq!(await_greeting(&mut stream.as_slice()).unwrap(), number);
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes: Vec<u8>) {
            let _ = Frame::receive(&mut bytes.as_slice());
        }
    }

    #[test]
    fn a_frame_that_is_too_long_is_refused_before_it_is_read() {
        let header = [b'1', 0xff, 0xff, 0xff, 0xff];
        assert!(matches!(Frame::receive(&mut header.as_slice()), Err(WireError::TooLong(_))));
    }
}
