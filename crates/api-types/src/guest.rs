//! What is done in an instance's guest by its agent: programs, files, connections.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The protocol that a connection is upgraded to: from then on it carries the frames of `cumulet-agent-protocol`, begun
/// by the agent's first answer.
pub const UPGRADE: &str = "cumulet-agent";

/// The agent of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Agent {
    /// The version of its program.
    pub agent: String,
    /// The newest version of its protocol.
    pub protocol_version: u32,
    /// The guest's own name.
    pub hostname: String,
    /// The guest's `/etc/machine-id`.
    pub machine_id: String,
    /// The kernel's id of this boot.
    pub boot_id: String,
}

/// A program to run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Exec {
    /// The program and its arguments; no shell reads them.
    pub argv: Vec<String>,
    /// Variables besides PATH, HOME, USER, LOGNAME and SHELL.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// The directory; the user's home when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// The user by name or number; root when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Standard input, base64. Not for a stream, which has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin_base64: Option<String>,
    /// How long it may run, at most 50, which is also the default. Not for a stream, which has no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
    /// Only for a stream: whether there is standard input.
    #[serde(default)]
    pub stdin: bool,
    /// Only for a stream: a terminal of this size in place of pipes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal: Option<Terminal>,
}

/// A terminal's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Terminal {
    /// Characters in a line.
    pub columns: u16,
    /// Lines.
    pub rows: u16,
}

/// How a program ended, and what it wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExecResult {
    /// The status that it ended with; none where a signal ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_status: Option<u8>,
    /// The signal that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<u8>,
    /// The beginning of its standard output, up to 1 MiB, base64.
    pub stdout_base64: String,
    /// The beginning of its standard error, up to 1 MiB, base64.
    pub stderr_base64: String,
    /// Whether it wrote more than that.
    pub truncated: bool,
}

/// A connection to make from within the guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Forward {
    /// The address; 127.0.0.1, the guest itself, when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The TCP port.
    pub port: u16,
}

/// A file or directory of the guest that is to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct GetFiles {
    /// Its absolute path.
    pub path: String,
}

/// Where in the guest a file or directory is to be put.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PutFiles {
    /// Its absolute path, or that of a directory into which it goes under its own name.
    pub path: String,
    /// Who is to own it: `USER`, `USER:GROUP` or `:GROUP`; root when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}
