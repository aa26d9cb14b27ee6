//! What can go wrong with an effect on the machine.

use std::io;
use std::path::{Path, PathBuf};

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    /// A file or directory.
    #[error("can't {verb} {path}")]
    Io {
        /// What was tried.
        verb: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A program that is needed isn't installed.
    #[error("`{tool}` is not installed")]
    NoTool {
        /// Its name.
        tool: String,
    },
    /// A program ended with an error.
    #[error("`{command}` ended with {status}: {output}")]
    Failed {
        /// The program with its arguments.
        command: String,
        /// How it ended.
        status: String,
        /// The end of what it printed.
        output: String,
    },
    /// The metadata service didn't answer as needed.
    #[error("the metadata service")]
    Metadata(#[from] crate::metadata::MetadataError),
    /// Something was asked for that can't be done.
    #[error("{0}")]
    Refused(String),
}

impl ActionError {
    /// For `map_err` on an I/O result.
    pub fn io(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { verb, path, source }
    }
}

/// An error with its causes, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
