//! Saving a machine, forking it, and beginning one from what was saved.
//!
//! A saved machine is two files. The *state* is small: registers, devices, and a checksum. The *memory* is as long as
//! the guest's memory, holes where it was never touched, with one page behind it that binds it to its state; it is
//! mapped privately by every machine restored from it, so it may be shared by any number of them and must not change
//! while one of them lives.

use crate::{Layer, Source};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a machine begins from instead of a kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restore {
    /// The saved state. May be shared: it is read by position.
    pub state: Source,
    /// The saved memory.
    pub memory: Source,
    /// Pages to fetch ahead, as [`WorkingSet`] wrote them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefetch: Option<Source>,
    /// Ids of disks and interfaces when they were saved, with the ids that they have in this specification. Those not
    /// named here are called the same.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub renamed: BTreeMap<String, String>,
    /// Whether the machine begins paused: it then waits for [`crate::Command::Resume`].
    #[serde(default)]
    pub paused: bool,
}

/// Parameters of [`crate::Command::Snapshot`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Gets the state: an empty file, open for writing.
    pub state: Source,
    /// Gets the memory: an empty file, open for writing.
    pub memory: Source,
    /// `/proc/PID/pagemap` of the VMM, for one whose jail has no `/proc`. Saves time only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pagemap: Option<Source>,
}

/// What was saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotInfo {
    /// What binds state and memory: 32 hexadecimal digits, chosen at random.
    pub id: String,
    /// Bytes of guest memory.
    pub memory_bytes: u64,
    /// Bytes of it that are in the file; the rest are holes.
    pub written_bytes: u64,
    /// Microseconds that saving took.
    pub took_us: u64,
}

/// Parameters of [`crate::Command::WorkingSet`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkingSet {
    /// Gets the list: an empty file, open for writing.
    pub to: Source,
    /// `/proc/PID/pagemap` of the VMM, for one whose jail has no `/proc`: it can't know otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pagemap: Option<Source>,
}

/// Parameters of [`crate::Command::SwapDisk`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwapDisk {
    /// The disk, by the id of the specification.
    pub id: String,
    /// As [`crate::Disk::layer`].
    pub layer: Layer,
    /// As [`crate::Disk::backing`].
    #[serde(default)]
    pub backing: Vec<Layer>,
}
