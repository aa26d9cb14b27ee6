//! Requests about images.

use std::path::PathBuf;

use cumulet_model::image::ImageKind;
use cumulet_model::{ImageId, InstanceId, Tags};

/// A new image from a file on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterImage {
    /// What the file holds.
    pub kind: ImageKind,
    /// Name, unique: 3 to 128 characters of letters, digits and `()[] ./-'@_`.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// The file: a raw or qcow2 disk, a kernel, or a ramdisk; absolute.
    pub source: PathBuf,
    /// The root device's name; `/dev/xvda` when not given.
    pub root_device_name: Option<String>,
    /// The kernel that a machine image boots with.
    pub kernel_id: Option<ImageId>,
    /// The ramdisk that a machine image boots with.
    pub ramdisk_id: Option<ImageId>,
    /// Kernel command line; a default that fits a whole-disk root file system when not given.
    pub boot_args: Option<String>,
    /// The user that key pairs are for.
    pub default_user: Option<String>,
    /// Tags.
    pub tags: Tags,
}

/// A new image of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateImage {
    /// The instance, running or stopped.
    pub instance_id: InstanceId,
    /// Name, unique; as of [`RegisterImage`].
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// Tags.
    pub tags: Tags,
}
