//! How much memory a running machine has.

use serde::{Deserialize, Serialize};

/// Parameters of [`crate::Command::Balloon`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalloonTarget {
    /// MiB that the guest shall give up in all; 0 gives it all back.
    pub mib: u32,
}

/// Parameters of [`crate::Command::Memory`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryTarget {
    /// MiB that the guest shall have in all: from `memory_mib` to `memory_max_mib` of the specification, in steps of 2.
    pub mib: u64,
}
