//! An instance's serial console.

use serde::{Deserialize, Serialize};

/// What part of the console to read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct ConsoleQuery {
    /// Where to begin, in bytes since the machine's start; the last 64 KiB when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// Whether to wait for more when there is nothing yet: up to about 20 s, then an empty piece comes.
    pub wait: bool,
}

/// A piece of the console's output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConsolePiece {
    /// Where the piece begins, in bytes since the machine's start.
    pub offset: u64,
    /// Where the next piece begins: the `offset` to ask for next.
    pub next: u64,
    /// The bytes, base64.
    pub data_base64: String,
}

/// Input for the console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ConsoleInput {
    /// The bytes to type, base64; at most 64 KiB.
    pub data_base64: String,
}

/// How much of the input the console took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConsoleWritten {
    /// Bytes taken; what is left over is to be sent again.
    pub written: u64,
}
