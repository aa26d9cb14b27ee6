//! Volumes and how an instance maps them to devices.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Gib, ImageId, InstanceId, Tags, VolumeId};

/// What a volume is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VolumeSource {
    /// Zeroes.
    Blank,
    /// A copy-on-write clone of a machine image's disk.
    Image(ImageId),
}

/// A volume's state by EC2's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VolumeState {
    /// Its file is being made.
    Creating,
    /// Complete, attached to nothing.
    Available,
    /// Attached to an instance.
    InUse,
    /// Being deleted.
    Deleting,
    /// Its making failed.
    Error,
}

impl VolumeState {
    /// EC2's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Available => "available",
            Self::InUse => "in-use",
            Self::Deleting => "deleting",
            Self::Error => "error",
        }
    }
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Id.
    pub id: VolumeId,
    /// Size as the guest sees it.
    pub size: Gib,
    /// State.
    pub state: VolumeState,
    /// When it was asked for.
    pub created: Timestamp,
    /// The zone that it is in.
    pub zone: String,
    /// What it was made from.
    pub source: VolumeSource,
    /// What it is attached to.
    pub attachment: Option<VolumeAttachment>,
    /// Tags.
    pub tags: Tags,
}

/// A volume's attachment to an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeAttachment {
    /// The instance.
    pub instance_id: InstanceId,
    /// The device name that the caller gave, such as `/dev/sdf`.
    pub device: String,
    /// When it was attached.
    pub attached: Timestamp,
    /// Whether it goes with the instance.
    pub delete_on_termination: bool,
}

/// One entry of a launch's block device mapping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockDeviceMapping {
    /// Device name, such as `/dev/xvda` or `/dev/sdf`.
    pub device_name: String,
    /// What is behind it; `None` leaves out a device that the image maps (`NoDevice`).
    pub ebs: Option<EbsBlockDevice>,
}

/// A volume to be made at launch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EbsBlockDevice {
    /// Size; the image's for a root device that names none.
    pub size: Option<Gib>,
    /// Whether it goes with the instance; yes when not given.
    pub delete_on_termination: Option<bool>,
}
