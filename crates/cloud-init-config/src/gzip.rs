//! Gzip within bounds.

use std::io::{Read, Write};

use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};

/// Why a gzip stream was not opened.
#[derive(Debug, thiserror::Error)]
pub enum GzipError {
    /// The stream is damaged or cut short.
    #[error("the gzip stream is damaged")]
    Damaged(#[source] std::io::Error),
    /// The content is larger than the limit in bytes.
    #[error("the gzip stream inflates to more than {limit} bytes")]
    TooLarge {
        /// The bound that was passed.
        limit: usize,
    },
}

/// Whether the bytes begin as a gzip stream does (RFC 1952, 2.3.1).
pub fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// Inflates a whole gzip stream, to at most `limit` bytes.
pub fn inflate(bytes: &[u8], limit: usize) -> Result<Vec<u8>, GzipError> {
    inflate_within(bytes, &mut { limit })
}

/// Inflates a whole gzip stream to at most `budget` bytes, and takes from the budget what came out; also of a stream
/// that turns out to be damaged, for the work was done.
pub(crate) fn inflate_within(bytes: &[u8], budget: &mut usize) -> Result<Vec<u8>, GzipError> {
    let limit = *budget;
    let mut out = Vec::new();
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let read = MultiGzDecoder::new(bytes).take(bound).read_to_end(&mut out);
    *budget = limit.saturating_sub(out.len());
    if out.len() > limit {
        return Err(GzipError::TooLarge { limit });
    }
    read.map(|_| out).map_err(GzipError::Damaged)
}

/// Deflates bytes into a gzip stream without name or time, so that equal content gives an equal stream.
pub fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing to a vector doesn't fail.
    encoder.write_all(bytes).and_then(|()| encoder.finish()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_deflated_inflates_to_the_same() {
        let text = b"#!/bin/sh\necho hello\n".repeat(50);
        let stream = deflate(&text);
        assert!(is_gzip(&stream) && stream.len() < text.len());
        assert_eq!(inflate(&stream, text.len()).unwrap(), text);
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let stream = deflate(&vec![0; 10 << 20]);
        assert!(stream.len() < 20 << 10);
        assert!(matches!(inflate(&stream, 1 << 20), Err(GzipError::TooLarge { .. })));
    }

    #[test]
    fn a_cut_stream_is_damaged() {
        let stream = deflate(b"some text that is long enough to be cut");
        assert!(matches!(inflate(&stream[..stream.len() / 2], 1 << 20), Err(GzipError::Damaged(_))));
    }
}
