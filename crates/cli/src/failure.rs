//! Why a command failed, and the exit code that says so.

use std::io;

use cumulet_client::types::error::ErrorReply;
use cumulet_client::{BadUrl, Error};

/// The exit codes, as `cumulet --help` lists them.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  an error, or a check of `doctor` that failed
  2  a command line that makes no sense
  3  the daemon cannot be reached
  4  what was named does not exist
  5  what was waited for did not come in time
`cumulet ssh` ends with the exit code of ssh; `cumulet exec` with the program's, 128 and the signal's number if one
ended it, 127 if there is no such program, 126 if it can't be run, and 125 if anything else is wrong.";

/// What commands return.
pub type Result<T> = std::result::Result<T, Failure>;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The daemon can't be reached, or refused.
    #[error("{}", explain(.0))]
    Client(#[from] Error),
    /// Nothing has that name.
    #[error("{0}")]
    NotFound(String),
    /// The command line makes no sense, in a way that only the command knows.
    #[error("{0}")]
    Usage(String),
    /// Something else, told whole.
    #[error("{0}")]
    Other(String),
    /// A file, a terminal or a program.
    #[error("{what}: {source}")]
    Io {
        /// What was being done with what.
        what: String,
        /// What the system says.
        source: io::Error,
    },
    /// Everything has been told already.
    #[error("failed")]
    Told,
    /// A program ended with this status; there is nothing to tell.
    #[error("it ended with status {0}")]
    Status(u8),
    /// A failure that has an exit code of its own.
    #[error("{source}")]
    WithCode {
        /// The exit code.
        code: u8,
        /// The failure.
        source: Box<Self>,
    },
}

impl From<BadUrl> for Failure {
    fn from(error: BadUrl) -> Self {
        Self::Usage(error.to_string())
    }
}

impl Failure {
    /// A failed read, write or start of something.
    pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// The process's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Status(code) | Self::WithCode { code, .. } => *code,
            Self::Usage(_) => 2,
            Self::Client(Error::Unreachable { .. }) => 3,
            Self::NotFound(_) => 4,
            Self::Client(error) if error.is_not_found() => 4,
            Self::Client(Error::GaveUp { .. } | Error::Silent { .. }) => 5,
            _ => 1,
        }
    }

    /// Prints it on standard error: a sentence for people, the API's error form for machines.
    pub fn print(&self, json: bool) {
        match self {
            Self::Told | Self::Status(_) => {}
            failure if json => {
                let reply = ErrorReply::new(failure.code(), failure.to_string());
                eprintln!("{}", serde_json::to_string(&reply).unwrap_or_else(|_| failure.to_string()));
            }
            failure => eprintln!("cumulet: {failure}"),
        }
    }

    /// EC2's code where there is one, a word of our own elsewhere.
    fn code(&self) -> &str {
        match self {
            Self::Client(Error::Refused { body, .. }) => &body.code,
            Self::Client(Error::Unreachable { .. }) => "DaemonUnreachable",
            Self::Client(Error::GaveUp { .. } | Error::Silent { .. }) => "TimedOut",
            Self::WithCode { source, .. } => source.code(),
            Self::NotFound(_) => "NotFound",
            Self::Usage(_) => "Usage",
            _ => "Error",
        }
    }
}

/// The error with its causes, and what to do where we know it.
fn explain(error: &Error) -> String {
    let mut text = match error {
        Error::Refused { body, .. } => return format!("{} ({})", body.message, body.code),
        other => other.to_string(),
    };
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    if let Error::Unreachable { source, .. } = error {
        text.push_str(match source.kind() {
            io::ErrorKind::PermissionDenied => "\nOnly root and the socket's group may: try with sudo.",
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                "\nIs the daemon running? Start it with `sudo cumuletd`; `cumulet doctor` tells what this host \
                 lacks."
            }
            _ => "",
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use cumulet_client::types::error::ErrorBody;

    use super::*;

    #[test]
    fn exit_codes_are_those_that_the_help_lists() {
        let refused = |code: &str| {
            let body = ErrorBody { code: code.into(), message: "m".into() };
            Failure::Client(Error::Refused { status: 400, body })
        };
        assert_eq!(refused("InvalidInstanceID.NotFound").exit_code(), 4);
        assert_eq!(refused("IncorrectInstanceState").exit_code(), 1);
        assert_eq!(Failure::Usage(String::new()).exit_code(), 2);
        let source = io::Error::from(io::ErrorKind::NotFound);
        let unreachable = Failure::Client(Error::Unreachable { target: "/run/x".into(), source });
        assert_eq!(unreachable.exit_code(), 3);
        assert!(unreachable.to_string().contains("cumuletd"), "{unreachable}");
    }
}
