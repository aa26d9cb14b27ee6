//! The serial console, with its bytes taken out of the wire's base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cumulet_api_types::console::{ConsoleInput, ConsolePiece, ConsoleQuery, ConsoleWritten};

use crate::client::segment;
use crate::{Client, Error, Result};

/// Bytes as the wire carries them.
pub fn encode_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Bytes that the wire carried; `None` if it is not base64.
pub fn decode_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// A piece of the console's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleOutput {
    /// Where it begins, in bytes since the machine's start. Less than what was asked for: the machine was started
    /// anew and counts anew.
    pub offset: u64,
    /// Where the next piece begins.
    pub next: u64,
    /// The bytes.
    pub data: Vec<u8>,
}

impl Client {
    /// A piece of the console from `offset` (the last 64 KiB when `None`). With `wait` the answer comes when there is
    /// more, or empty after some 20 s.
    pub async fn console_read(&self, id: &str, offset: Option<u64>, wait: bool) -> Result<ConsoleOutput> {
        let path = format!("/v1/instances/{}/console", segment(id));
        let piece: ConsolePiece = self.search(&path, &ConsoleQuery { offset, wait }).await?;
        let data = decode_base64(&piece.data_base64).ok_or_else(|| Error::UnknownForm {
            request: format!("GET {path}"),
            reason: "data_base64 is not base64".into(),
        })?;
        Ok(ConsoleOutput { offset: piece.offset, next: piece.next, data })
    }

    /// Types into the console; tells how many bytes it took.
    pub async fn console_write(&self, id: &str, data: &[u8]) -> Result<u64> {
        let path = format!("/v1/instances/{}/console", segment(id));
        let written: ConsoleWritten =
            self.post(&path, &ConsoleInput { data_base64: encode_base64(data) }).await?;
        Ok(written.written)
    }
}
