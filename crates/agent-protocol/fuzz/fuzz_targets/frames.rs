//! Any bytes as a stream of frames, cut anywhere: the same frames come out as of the whole, none is too long, and a
//! message that can be read is read again from what it is written as. So both sides read what the other sends, an
//! agent what its host says and the host what a hostile guest does.
#![no_main]

use cumulet_agent_protocol::{AgentMessage, ClientMessage, Decoder, Frame, MAX_PAYLOAD};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (usize, &[u8])| {
    let (cut, bytes) = input;
    let whole = frames(bytes, bytes.len().max(1));
    assert_eq!(frames(bytes, cut % 100 + 1), whole);
    for frame in &whole {
        assert!(frame.payload.len() <= MAX_PAYLOAD);
        if let Ok(message) = frame.read_message::<ClientMessage>() {
            again(&message);
        }
        if let Ok(message) = frame.read_message::<AgentMessage>() {
            again(&message);
        }
    }
});

fn frames(bytes: &[u8], cut: usize) -> Vec<Frame> {
    let mut decoder = Decoder::default();
    let mut found = Vec::new();
    for piece in bytes.chunks(cut) {
        decoder.feed(piece);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => found.push(frame),
                Ok(None) => break,
                Err(_) => return found,
            }
        }
    }
    found
}

fn again<T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug>(message: &T) {
    let text = serde_json::to_vec(message).expect("a message can be written");
    assert_eq!(&serde_json::from_slice::<T>(&text).expect("what was written is read"), message);
}
