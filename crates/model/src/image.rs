//! Images: machine images (root disks), kernels and ramdisks.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Bytes, ImageId, Tags};

/// What an image holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageKind {
    /// A root disk: `ami-`.
    Machine,
    /// A kernel: `aki-`.
    Kernel,
    /// An initial ramdisk: `ari-`.
    Ramdisk,
}

impl ImageKind {
    /// The id's prefix.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Machine => "ami-",
            Self::Kernel => "aki-",
            Self::Ramdisk => "ari-",
        }
    }

    /// EC2's word of `imageType`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Machine => "machine",
            Self::Kernel => "kernel",
            Self::Ramdisk => "ramdisk",
        }
    }
}

/// Whether an image can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageState {
    /// Its file is being made.
    Pending,
    /// Complete.
    Available,
    /// Its making failed.
    Failed,
}

impl ImageState {
    /// EC2's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Available => "available",
            Self::Failed => "failed",
        }
    }
}

/// An image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Id, whose prefix tells the kind.
    pub id: ImageId,
    /// Name, unique among the images that are there.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// Whether it can be used.
    pub state: ImageState,
    /// Why it failed.
    pub state_reason: Option<String>,
    /// When it was registered.
    pub created: Timestamp,
    /// Where it came from: a path on the host, or a recipe's name.
    pub location: String,
    /// The root device's name, such as `/dev/xvda`; machine images only.
    pub root_device_name: String,
    /// Size of the disk as the guest sees it, or of the file for kernels and ramdisks.
    pub size: Bytes,
    /// The kernel that it boots with when the launch names none.
    pub kernel_id: Option<ImageId>,
    /// The ramdisk that it boots with when the launch names none.
    pub ramdisk_id: Option<ImageId>,
    /// The kernel command line that it wants, such as `root=/dev/vda ro console=ttyS0`.
    pub boot_args: String,
    /// The user that key pairs are for, when the image's maker said so; `cumulet ssh` uses it.
    pub default_user: Option<String>,
    /// Tags.
    pub tags: Tags,
}

impl Image {
    /// What it holds.
    pub fn kind(&self) -> ImageKind {
        self.id.kind()
    }
}
