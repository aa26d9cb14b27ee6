//! Requests about volumes.

use cumulet_model::volume_type::VolumeType;
use cumulet_model::{Gib, InstanceId, SnapshotId, Tags, VolumeId};
use serde::Serialize;

/// A volume to be made. What is `None` takes its default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CreateVolume {
    /// The zone's name.
    pub zone: String,
    /// Size; the snapshot's when not given, and needed without a snapshot.
    pub size: Option<Gib>,
    /// What it is made from; zeroes when not given.
    pub snapshot_id: Option<SnapshotId>,
    /// Type; `standard` when not given.
    pub kind: Option<VolumeType>,
    /// Operations a second.
    pub iops: Option<u32>,
    /// MiB a second.
    pub throughput: Option<u32>,
    /// Tags.
    pub tags: Tags,
    /// Makes the request idempotent.
    #[serde(skip)]
    pub client_token: Option<String>,
}

/// A volume to be attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachVolume {
    /// The volume.
    pub volume_id: VolumeId,
    /// The instance.
    pub instance_id: InstanceId,
    /// Device name, such as `/dev/sdf`.
    pub device: String,
}

/// A volume to be detached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetachVolume {
    /// The volume.
    pub volume_id: VolumeId,
    /// The instance, if the caller names it: it must be the one that has the volume.
    pub instance_id: Option<InstanceId>,
    /// The device, if the caller names it: it must be the one of the attachment.
    pub device: Option<String>,
    /// Take it away without the guest's consent.
    pub force: bool,
}

/// A snapshot to be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateSnapshot {
    /// The volume.
    pub volume_id: VolumeId,
    /// Free text.
    pub description: Option<String>,
    /// Tags.
    pub tags: Tags,
}

/// A volume to be grown, or to get another type or other figures. What is `None` stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModifyVolume {
    /// The volume.
    pub volume_id: VolumeId,
    /// New size, not less than it is.
    pub size: Option<Gib>,
    /// New type.
    pub kind: Option<VolumeType>,
    /// Operations a second.
    pub iops: Option<u32>,
    /// MiB a second.
    pub throughput: Option<u32>,
}
