//! Bytes of any content on the control socket, in pieces of any size, and documents of any content as a specification.
#![no_main]

use cumulet_vmm::config::MachineConfig;
use cumulet_vmm_protocol::frame::{Decoder, MAX_FRAME};
use cumulet_vmm_protocol::{MachineSpec, Request};
use libfuzzer_sys::fuzz_target;
use std::path::Path;

fuzz_target!(|input: &[u8]| {
    if let Ok(spec) = serde_json::from_slice::<MachineSpec>(input) {
        let _ = MachineConfig::check(&spec, Path::new("/run"));
    }
    let Some((&piece, stream)) = input.split_first() else { return };
    let mut decoder = Decoder::default();
    let mut requests = 0;
    'stream: for bytes in stream.chunks(1 + usize::from(piece)) {
        decoder.feed(bytes);
        loop {
            match decoder.next_frame::<Request>() {
                Ok(Some(_)) => requests += 1,
                Ok(None) => break,
                Err(_) => break 'stream,
            }
        }
    }
    assert!(requests <= MAX_FRAME.max(stream.len()));
});
