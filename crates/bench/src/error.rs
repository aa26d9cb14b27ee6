//! Why something could not be measured.

use cumulet_vmm_protocol::ClientError;
use std::io;

/// Why something could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The host refused something.
    #[error("can't {what}")]
    Io {
        /// A verb and its object.
        what: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A machine did not do what it should.
    #[error("{0}")]
    Machine(String),
    /// The control socket of a machine of ours.
    #[error("the machine can't be controlled")]
    Control(#[from] ClientError),
}

impl BenchError {
    /// A failed call of the host; `what` is a verb and its object.
    pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// The error with its causes in one line.
    pub fn explain(&self) -> String {
        cumulet_jailer::explain(self)
    }
}

/// What measuring gives.
pub type Result<T> = std::result::Result<T, BenchError>;
