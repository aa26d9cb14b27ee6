//! Images: machine images, kernels and ramdisks.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Tags;

/// What an image holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ImageKind {
    /// A root disk (`ami-`).
    Machine,
    /// A kernel (`aki-`).
    Kernel,
    /// An initial ramdisk (`ari-`).
    Ramdisk,
}

impl ImageKind {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Machine => "machine",
            Self::Kernel => "kernel",
            Self::Ramdisk => "ramdisk",
        }
    }
}

/// Whether an image can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ImageState {
    /// Its file is being made.
    Pending,
    /// Complete.
    Available,
    /// Its making failed; `state_reason` says why.
    Failed,
}

impl fmt::Display for ImageState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pending => "pending",
            Self::Available => "available",
            Self::Failed => "failed",
        })
    }
}

/// An image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Image {
    /// Id: `ami-…`, `aki-…` or `ari-…`.
    pub id: String,
    /// Name, unique among the images that are there.
    pub name: String,
    /// What it holds.
    pub kind: ImageKind,
    /// Free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether it can be used.
    pub state: ImageState,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_reason: Option<String>,
    /// When it was registered.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created: Timestamp,
    /// Where it came from: a path on the host, or a recipe's name.
    pub location: String,
    /// The root device's name; machine images only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_device_name: Option<String>,
    /// Size of the disk as the guest sees it, or of the kernel's or ramdisk's file.
    pub size_bytes: u64,
    /// The kernel that it boots with when the launch names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_id: Option<String>,
    /// The ramdisk that it boots with when the launch names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramdisk_id: Option<String>,
    /// The kernel command line that it wants.
    pub boot_args: String,
    /// The user that key pairs are for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_user: Option<String>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

/// Which images to list; what is not given does not narrow the list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct ImageQuery {
    /// Only this kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<ImageKind>,
    /// Only the image of exactly this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A list of images, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImageList {
    /// The images.
    pub images: Vec<Image>,
}

/// A new image from a file on the daemon's host. The answer comes at once, with the image `pending`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RegisterImage {
    /// What the file holds.
    pub kind: ImageKind,
    /// Name, unique: 3 to 128 characters of letters, digits and `()[] ./-'@_`.
    pub name: String,
    /// Absolute path on the daemon's host: a raw or qcow2 disk, a kernel, or a ramdisk.
    pub source_path: String,
    /// Free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The root device's name; `/dev/xvda` when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_device_name: Option<String>,
    /// The kernel that it boots with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_id: Option<String>,
    /// The ramdisk that it boots with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramdisk_id: Option<String>,
    /// Kernel command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_args: Option<String>,
    /// The user that key pairs are for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_user: Option<String>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}
