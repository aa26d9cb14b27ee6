//! A file or directory as pieces ([`send`]) and back ([`Receiver`]), in the order of
//! [`cumulet_agent_protocol::files`]. Blocking; nothing here knows where the pieces travel.
//!
//! Neither side trusts the other: a guest must not get the command outside to write beside the directory that it was
//! told, nor the other way round. So a receiver opens each directory by its name in the one above, follows no link,
//! and takes names, never paths.
#![forbid(unsafe_code)]

mod receive;
mod send;

use std::io;

use cumulet_agent_protocol::Entry;

pub use receive::{Owner, Receiver};
pub use send::send;

/// A part of the stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Something begins, or a directory ends.
    Entry(Entry),
    /// Bytes of the file that was begun.
    Data(&'a [u8]),
    /// The file that was begun is whole.
    End,
}

/// Why a tree was not copied.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// A file or directory.
    #[error("can't {verb} {path}")]
    Io {
        /// What was tried.
        verb: &'static str,
        /// On what.
        path: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The other side sends what makes no sense, or would lead out of the tree.
    #[error("the stream makes no sense: {0}")]
    Stream(String),
    /// It can't be put there.
    #[error("{0}")]
    Refused(String),
    /// Nobody takes the pieces any more.
    #[error("the other side is gone")]
    Gone(#[source] io::Error),
}

impl TreeError {
    fn io<E: Into<io::Error>>(verb: &'static str, path: impl Into<String>) -> impl FnOnce(E) -> Self {
        let path = path.into();
        move |source| Self::Io { verb, path, source: source.into() }
    }

    /// Whether something that was named is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}
