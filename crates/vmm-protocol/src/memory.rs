//! Taking memory from a running machine and giving it back.

use serde::{Deserialize, Serialize};

/// Parameters of [`crate::Command::Balloon`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalloonTarget {
    /// MiB that the guest shall give up in all; 0 gives it all back.
    pub mib: u32,
}
