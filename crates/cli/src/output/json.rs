//! JSON on standard output.

use super::say;
use crate::failure::{Failure, Result};

/// Prints `value`, indented, with a line break at its end.
pub fn print(value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::Other(error.to_string()))?;
    say!("{text}")
}
