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
    /// When it was asked for.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created: Timestamp,
    /// The zone that it is in.
    pub zone: String,
    /// The image that it was cloned from; absent for a blank one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_id: Option<String>,
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
}

/// A list of volumes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VolumeList {
    /// The volumes.
    pub volumes: Vec<Volume>,
}
