//! Lines on standard output. A reader that has gone away, as `head` does, ends the command without a word.

use std::fmt::Arguments;
use std::io::Write;

use crate::failure::{Failure, Result};

/// Prints bytes.
pub fn put(bytes: &[u8]) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|source| match source.kind() {
        std::io::ErrorKind::BrokenPipe => Failure::Told,
        _ => Failure::Io { what: "cannot print".into(), source },
    })
}

/// Prints a line.
pub fn line(text: Arguments<'_>) -> Result<()> {
    put(format!("{text}\n").as_bytes())
}

/// Prints a line, as `println!` does, but with an error in place of a panic.
macro_rules! say {
    ($($text:tt)*) => { $crate::output::line(format_args!($($text)*)) };
}
pub(crate) use say;
