//! Sets of addresses in the kernel: what shall be in them, what `ipset save` shows, and the difference as commands.

mod diff;
mod parse;

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

pub use diff::{SetChanges, changes, misfits};
pub use parse::parse;

use crate::family::Family;

/// What a set's elements are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SetKind {
    /// Single addresses.
    HashIp(Family),
    /// CIDR blocks; never all addresses as one, which the kernel does not take ([`elements`]).
    HashNet(Family),
    /// A set of another make, not ours: of another type, or with other options.
    Other,
}

impl SetKind {
    /// The kernel's names for it and for its family.
    pub(crate) fn type_names(self) -> (&'static str, &'static str) {
        let family = |family| if family == Family::V4 { "inet" } else { "inet6" };
        match self {
            Self::HashIp(of) => ("hash:ip", family(of)),
            Self::HashNet(of) => ("hash:net", family(of)),
            Self::Other => ("other", "inet"),
        }
    }
}

/// The elements of a set of blocks that mean a block: as `ipset save` prints them, a single address without its length;
/// and of all addresses the two halves.
pub fn elements(block: IpNet) -> Vec<String> {
    match (block.prefix_len(), block) {
        (0, IpNet::V4(_)) => vec!["0.0.0.0/1".to_owned(), "128.0.0.0/1".to_owned()],
        (0, IpNet::V6(_)) => vec!["::/1".to_owned(), "8000::/1".to_owned()],
        (length, block) if length == block.max_prefix_len() => vec![block.addr().to_string()],
        (_, block) => vec![block.trunc().to_string()],
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
