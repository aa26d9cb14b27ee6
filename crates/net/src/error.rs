//! What can go wrong with the host's network.

use std::io;

/// An error of the network: each variant says what was tried; the cause is its source.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// A file, socket or namespace call failed.
    #[error("{what}")]
    Io {
        /// What was tried.
        what: String,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A netlink request was refused.
    #[error("{what}")]
    Netlink {
        /// What was tried.
        what: String,
        /// The kernel's answer.
        #[source]
        source: rtnetlink::Error,
    },
    /// A tool ended with an error.
    #[error("{program} failed ({status}): {stderr}")]
    Tool {
        /// The tool with its arguments.
        program: String,
        /// Its exit status in words.
        status: String,
        /// What it said, cut to a length fit for a log line.
        stderr: String,
    },
    /// The desired state contradicts itself.
    #[error("{field}: {rule}")]
    Spec {
        /// What part of it.
        field: String,
        /// The rule that it breaks.
        rule: String,
    },
    /// The thing is not there: it was never applied, or was removed.
    #[error("{what} is not there")]
    Missing {
        /// What was looked for.
        what: String,
    },
    /// A namespace's worker thread is gone.
    #[error("the worker thread of {namespace} is gone")]
    WorkerGone {
        /// The namespace's name.
        namespace: String,
    },
    /// Several parts failed, each for itself.
    #[error("{}", join(.0))]
    Several(Vec<NetError>),
}

impl NetError {
    /// Wraps an I/O error with what was tried.
    pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// Wraps an errno with what was tried.
    pub fn errno(what: impl Into<String>) -> impl FnOnce(nix::errno::Errno) -> Self {
        let what = what.into();
        move |errno| Self::Io { what, source: errno.into() }
    }

    /// Wraps a netlink error with what was tried.
    pub fn netlink(what: impl Into<String>) -> impl FnOnce(rtnetlink::Error) -> Self {
        let what = what.into();
        move |source| Self::Netlink { what, source }
    }

    /// The desired state breaks a rule.
    pub fn spec(field: impl Into<String>, rule: impl Into<String>) -> Self {
        Self::Spec { field: field.into(), rule: rule.into() }
    }

    /// The error and its causes in one line.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut next = std::error::Error::source(self);
        while let Some(cause) = next {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            next = cause.source();
        }
        text
    }

    /// One error of many; none if there is none.
    pub fn collect(mut errors: Vec<Self>) -> Result<(), Self> {
        match errors.len() {
            0 => Ok(()),
            1 => Err(errors.remove(0)),
            _ => Err(Self::Several(errors)),
        }
    }
}

fn join(errors: &[NetError]) -> String {
    errors.iter().map(NetError::chain).collect::<Vec<_>>().join("; ")
}
