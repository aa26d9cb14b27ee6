//! Volumes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Tags;

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Volume {
    /// Id: `vol-…`.
    pub id: String,
    /// Size as the guest sees it.
    pub size_gib: u64,
    /// `creating`, `available`, `in-use`, `deleting` or `error`.
    pub state: String,
    /// Why it can't be used, where that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_reason: Option<String>,
    /// Type: `standard` (as fast as the host), `gp2`, `gp3`, `io1`, `io2`, `st1` or `sc1`.
    pub volume_type: String,
    /// Operations a second, of types that have such a figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iops: Option<u32>,
    /// MiB a second, of gp3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput_mib: Option<u32>,
    /// When it was asked for.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created: Timestamp,
    /// The zone that it is in.
    pub zone: String,
    /// The image that it was cloned from; absent for a blank one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_id: Option<String>,
    /// The snapshot that it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_id: Option<String>,
    /// What it is attached to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachment: Option<VolumeAttachment>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

/// A volume's attachment to an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VolumeAttachment {
    /// The instance.
    pub instance_id: String,
    /// The device name that was given.
    pub device_name: String,
    /// When it was attached.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub attached: Timestamp,
    /// Whether it goes with the instance.
    pub delete_on_termination: bool,
    /// `attaching`, `attached` or `detaching`.
    pub state: String,
}

/// A volume to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateVolume {
    /// The zone's name; the first zone when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Size; the snapshot's when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_gib: Option<u64>,
    /// The snapshot that it is made from; blank when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_id: Option<String>,
    /// Type; `standard` when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_type: Option<String>,
    /// Operations a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iops: Option<u32>,
    /// MiB a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput_mib: Option<u32>,
    /// Tags.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    /// Makes the request idempotent: the same token and parameters give the same volume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_token: Option<String>,
}

/// Where a volume is to be attached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AttachVolume {
    /// The instance.
    pub instance_id: String,
    /// Device name, such as `/dev/sdf`; the first free one from `/dev/sdf` on when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_name: Option<String>,
}

/// How to detach.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct DetachQuery {
    /// Take it away without the guest's consent.
    pub force: bool,
}

/// A volume to be grown, or to get another type or other figures. What is not given stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ModifyVolume {
    /// New size, not less than it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_gib: Option<u64>,
    /// New type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_type: Option<String>,
    /// Operations a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iops: Option<u32>,
    /// MiB a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput_mib: Option<u32>,
}

/// A modification of a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VolumeModification {
    /// The volume.
    pub volume_id: String,
    /// `modifying`, `completed` or `failed`.
    pub state: String,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The size that it had.
    pub original_size_gib: u64,
    /// The size that it is to have.
    pub target_size_gib: u64,
    /// The type that it is to have.
    pub target_volume_type: String,
}

/// One volume with what only a look at it alone shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VolumeDetail {
    /// The volume.
    pub volume: Volume,
    /// Its last modification, if it ever was modified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modification: Option<VolumeModification>,
}

/// A list of volumes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VolumeList {
    /// The volumes.
    pub volumes: Vec<Volume>,
}
