//! Why a call failed.

use std::time::Duration;

use cumulet_api_types::error::ErrorBody;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody answers there, or the socket's permissions keep us out.
    #[error("cannot reach the daemon at {target}")]
    Unreachable {
        /// The socket's path or the URL.
        target: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The connection broke off, or what came was no HTTP.
    #[error("the daemon at {target} broke off")]
    Broken {
        /// The socket's path or the URL.
        target: String,
        /// What went wrong.
        #[source]
        source: hyper::Error,
    },
    /// No answer in time.
    #[error("the daemon at {target} did not answer within {} s", .after.as_secs())]
    Silent {
        /// The socket's path or the URL.
        target: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// The API refused, with EC2's code.
    #[error("{} ({})", .body.message, .body.code)]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Code and message.
        body: ErrorBody,
    },
    /// An answer of another form than this client knows, as from a daemon of another version.
    #[error("the answer to {request} is of an unknown form: {reason}")]
    UnknownForm {
        /// Method and path.
        request: String,
        /// What is odd about it.
        reason: String,
    },
    /// A stream to an instance's agent broke off, or carried what makes no sense.
    #[error("the stream to the instance broke off")]
    Stream {
        /// What went wrong.
        #[source]
        source: cumulet_agent_client::AgentError,
    },
    /// What was waited for did not come.
    #[error("gave up after {} s: {what}", .after.as_secs())]
    GaveUp {
        /// What is still so.
        what: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// What was waited for can't come any more.
    #[error("{what}")]
    WontHappen {
        /// What came instead, with its reason.
        what: String,
    },
}

impl Error {
    /// Whether the API says that something does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { body, .. } if body.is_not_found())
    }

    /// EC2's code, when the API refused.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { body, .. } => Some(&body.code),
            _ => None,
        }
    }
}
