//! Volumes and how an instance maps them to devices.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::attachment::AttachmentState;
use crate::volume_type::{Performance, VolumeType};
use crate::{Gib, ImageId, InstanceId, SnapshotId, Tags, VolumeId};

/// What a volume is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VolumeSource {
    /// Zeroes.
    Blank,
    /// A copy-on-write clone of a machine image's disk.
    Image(ImageId),
    /// A copy-on-write clone of a snapshot.
    Snapshot(SnapshotId),
    /// A copy-on-write branch of another volume, as that was when its layer above `below` layers was frozen.
    Branch {
        /// The other volume.
        volume: VolumeId,
        /// How many of its layers are beneath the branch, counted from the bottom.
        below: u32,
    },
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

impl Volume {
    /// What of it can be modified.
    pub fn shape(&self) -> VolumeShape {
        VolumeShape { size: self.size, performance: self.performance }
    }
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Id.
    pub id: VolumeId,
    /// Size as the guest sees it.
    pub size: Gib,
    /// Type with its figures.
    pub performance: Performance,
    /// State.
    pub state: VolumeState,
    /// Why its making failed, or why it can't be used.
    pub reason: Option<String>,
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
    /// Where it is on its way.
    pub state: AttachmentState,
    /// Whether a detach was asked for by force.
    pub force: bool,
    /// Whether the instance's own launch made the volume: a launch that fails takes it away again.
    pub of_launch: bool,
}

/// A change of a volume's size or figures, as DescribeVolumesModifications shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeModification {
    /// The volume.
    pub volume_id: VolumeId,
    /// How far it is.
    pub state: ModificationState,
    /// Why it failed.
    pub message: Option<String>,
    /// What it was.
    pub original: VolumeShape,
    /// What it is to be.
    pub target: VolumeShape,
    /// When it was asked for.
    pub started: Timestamp,
    /// When it was done or had failed.
    pub ended: Option<Timestamp>,
}

/// What of a volume can be modified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeShape {
    /// Size.
    pub size: Gib,
    /// Type with its figures.
    pub performance: Performance,
}

/// How far a modification is. EC2's `optimizing` does not occur: there is nothing to be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModificationState {
    /// Being done.
    Modifying,
    /// Done.
    Completed,
    /// Not done.
    Failed,
}

impl ModificationState {
    /// EC2's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Modifying => "modifying",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
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
    /// Type; `standard` when not given.
    pub kind: Option<VolumeType>,
    /// Operations a second.
    pub iops: Option<u32>,
    /// MiB a second.
    pub throughput: Option<u32>,
    /// The snapshot that it is made from.
    pub snapshot_id: Option<SnapshotId>,
}
