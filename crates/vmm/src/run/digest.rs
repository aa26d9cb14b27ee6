//! The specification's bytes and their digest.

use crate::source;
use cumulet_vmm_protocol::Source;
use sha2::{Digest, Sha256};
use std::io::{self, Read};

/// Longest specification in bytes.
const MAX_SPEC: u64 = 1 << 20;

/// Reads a specification whole.
pub fn read_spec(place: &Source) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source::open(place, false)?.take(MAX_SPEC + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_SPEC {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the specification is longer than 1 MiB"));
    }
    Ok(bytes)
}

/// Lower-case hexadecimal SHA-256.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
