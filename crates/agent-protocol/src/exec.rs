//! Running a program.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A program to run. It begins a session of its own; when the client is gone, the session gets SIGHUP, and SIGKILL a
/// few seconds later.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exec {
    /// The program and its arguments. A program without a slash is looked for in `PATH`.
    pub argv: Vec<String>,
    /// Variables besides and over `PATH`, `HOME`, `USER`, `LOGNAME`, `SHELL`.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The directory; the user's home where none is given, or `/` if there is no such home.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// The user by name or number, root where none is given; with the user's groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// A terminal of this size in place of pipes. Then all output is standard output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal: Option<TerminalSize>,
    /// Whether there is standard input; otherwise it is at its end from the start. A terminal always has.
    #[serde(default)]
    pub stdin: bool,
}

/// A terminal's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalSize {
    /// Characters in a line.
    pub columns: u16,
    /// Lines.
    pub rows: u16,
}

/// How a process ended: by itself with a status, or by a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    /// It ended with this status, 0 to 255.
    Status(u8),
    /// This signal ended it.
    Signal(u8),
}

impl Exit {
    /// The status that a shell would have for it: 128 and the signal's number for one that a signal ended.
    pub fn shell_status(self) -> u8 {
        match self {
            Self::Status(status) => status,
            Self::Signal(number) => number.saturating_add(128),
        }
    }
}
