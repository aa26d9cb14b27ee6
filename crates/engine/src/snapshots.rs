//! Snapshots of volumes.

use cumulet_model::{CloudError, ErrorCode, Gib, SnapshotId};

use crate::cloud::{Cloud, Result};

/// What of a snapshot a new volume needs to know.
pub(crate) struct UsableSnapshot {
    /// The size of the volume that it was taken of.
    pub size: Gib,
}

impl Cloud {
    /// A snapshot that is there and complete. There are none yet: nothing makes them.
    pub(crate) async fn usable_snapshot(&self, id: &SnapshotId) -> Result<UsableSnapshot> {
        Err(CloudError::not_found(ErrorCode::InvalidSnapshotNotFound, "snapshot", id))
    }
}
