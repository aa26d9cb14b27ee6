//! Snapshots of volumes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Gib, SnapshotId, Tags, VolumeId};

/// What a volume held at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Id.
    pub id: SnapshotId,
    /// The volume that it was taken of; it may be gone.
    pub volume_id: VolumeId,
    /// That volume's size.
    pub size: Gib,
    /// State.
    pub state: SnapshotState,
    /// Why it could not be taken.
    pub message: Option<String>,
    /// Free text.
    pub description: String,
    /// When it was asked for.
    pub started: Timestamp,
    /// When it was complete, or had failed.
    pub ended: Option<Timestamp>,
    /// Tags.
    pub tags: Tags,
}

/// A snapshot's state by EC2's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SnapshotState {
    /// Being taken.
    Pending,
    /// Complete.
    Completed,
    /// Could not be taken.
    Error,
}

impl SnapshotState {
    /// EC2's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Completed => "completed",
            Self::Error => "error",
        }
    }
}
