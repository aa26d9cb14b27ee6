//! `/etc/machine-id`: another instance is another machine.

use std::fmt::Write as _;
use std::io::Read;

use crate::context::Context;
use crate::error::ActionError;

const FILE: &str = "/etc/machine-id";

/// Whether there is no valid id: empty, `uninitialized` or no file.
pub(super) fn is_missing(context: &Context) -> bool {
    let text = context.system.read_text(FILE).unwrap_or_default();
    let id = text.trim();
    !(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Writes a new one: 128 random bits in the form of a version 4 UUID, as machine-id(5) asks for.
pub(super) fn replace(context: &mut Context) -> Result<(), ActionError> {
    let source = std::path::Path::new("/dev/urandom");
    let mut bytes = [0; 16];
    let mut file = std::fs::File::open(source).map_err(ActionError::io("open", source))?;
    file.read_exact(&mut bytes).map_err(ActionError::io("read", source))?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::new();
    for byte in bytes {
        // Writing to a string doesn't fail.
        _ = write!(text, "{byte:02x}");
    }
    context.system.write(FILE, format!("{text}\n").as_bytes(), 0o444)
}
