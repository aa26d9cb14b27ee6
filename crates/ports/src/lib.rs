//! The engine's ports: what it asks of the host, as traits, so that `supervisor`, `net` and `storage` can be built,
//! tested and replaced apart from it. The specs are desired states: an implementation converges to them, and doing so
//! twice changes nothing.
#![forbid(unsafe_code)]

pub mod guest;
pub mod network;
pub mod storage;
pub mod vm_host;
pub mod walk;

pub use guest::BoxedGuestStream;
pub use network::Network;
pub use storage::Storage;
pub use vm_host::VmHost;

/// An error of a port: what was tried in words for the instance's owner, and the cause for the log.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct PortError {
    /// What was tried and how it failed, without internals.
    pub what: String,
    /// Whether the same call may succeed later without anybody's doing.
    pub transient: bool,
    /// The cause.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl PortError {
    /// A lasting error with its cause.
    pub fn new(what: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { what: what.into(), transient: false, source: Some(source.into()) }
    }

    /// A lasting error that is its own cause.
    pub fn plain(what: impl Into<String>) -> Self {
        Self { what: what.into(), transient: false, source: None }
    }

    /// The whole chain of causes in one line, for logs and for an instance's state reason.
    pub fn chain(&self) -> String {
        let mut text = self.what.clone();
        let mut next = std::error::Error::source(self);
        while let Some(cause) = next {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            next = cause.source();
        }
        text
    }
}

/// What a port's call gives.
pub type PortResult<T> = Result<T, PortError>;
