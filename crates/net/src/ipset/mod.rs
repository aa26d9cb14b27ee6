//! Sets of addresses in the kernel: what shall be in them, what `ipset save` shows, and the difference as commands.

mod diff;
mod parse;

use std::collections::{BTreeMap, BTreeSet};

pub use diff::{SetChanges, changes, misfits};
pub use parse::parse;

/// What a set's elements are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SetKind {
    /// Single addresses.
    HashIp,
    /// CIDR blocks; never 0.0.0.0/0, which the kernel does not take.
    HashNet,
    /// A set of another make, not ours: of another type, or with other options.
    Other,
}

impl SetKind {
    /// The kernel's name for it.
    pub(crate) fn type_name(self) -> &'static str {
        match self {
            Self::HashIp => "hash:ip",
            Self::HashNet => "hash:net",
            Self::Other => "other",
        }
    }
}

/// One set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// What its elements are.
    pub kind: SetKind,
    /// Elements as `ipset save` prints them.
    pub elements: BTreeSet<String>,
}

/// Sets by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sets(pub BTreeMap<String, Set>);

impl Sets {
    /// Adds a set.
    pub fn insert(&mut self, name: &str, kind: SetKind, elements: impl IntoIterator<Item = String>) {
        self.0.insert(name.to_owned(), Set { kind, elements: elements.into_iter().collect() });
    }
}
