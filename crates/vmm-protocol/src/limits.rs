//! How much a disk or an interface may do. A limit is a bucket that fills at a rate and holds a burst; what takes more
//! waits. An absent limit is none, and 0 is not allowed.

use serde::{Deserialize, Serialize};

/// The limits of a disk, of reading and writing together, or of an interface, of each direction by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Of bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bandwidth: Option<Bandwidth>,
    /// Of requests of a disk, or frames of an interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operations: Option<Operations>,
}

impl Limits {
    /// Whether there is no limit.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// A limit of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bandwidth {
    /// What comes in, at least 1.
    pub bytes_per_second: u64,
    /// What can gather, at least 1. A single request may be larger: what follows it waits until it is paid for.
    pub burst_bytes: u64,
}

/// A limit of operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operations {
    /// What comes in, at least 1.
    pub per_second: u64,
    /// What can gather, at least 1.
    pub burst: u64,
}

/// Parameters of [`crate::Command::SetLimits`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetLimits {
    /// The disk's or interface's id.
    pub id: String,
    /// The limits from now on.
    pub limits: Limits,
}
