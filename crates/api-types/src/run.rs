//! A launch.

use serde::{Deserialize, Serialize};

use crate::Tags;
use crate::instance::{CreditMode, Instance, MetadataOptions, ShutdownBehavior};

/// A launch. What is not given takes EC2's default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RunInstances {
    /// The machine image's id.
    pub image_id: String,
    /// How many, all or none, unless `min_count` says less; 1 when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// The fewest that are worth launching; `count` when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_count: Option<u32>,
    /// Name of the instance type; `t3.micro` when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_type: Option<String>,
    /// A kernel in place of the image's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_id: Option<String>,
    /// A ramdisk in place of the image's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramdisk_id: Option<String>,
    /// Name of a key pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_name: Option<String>,
    /// The subnet; the default subnet of the zone when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet_id: Option<String>,
    /// The zone's name, when no subnet says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Security groups, each by id or by its name in the default VPC; the VPC's default group when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// A private address of the caller's choice; one instance only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_ip: Option<String>,
    /// Whether to give a public address; the subnet's setting when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_ip: Option<bool>,
    /// User data, base64; at most 16 KiB of it decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_data_base64: Option<String>,
    /// Volumes beyond the image's, and changes to the root volume.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub block_devices: Vec<BlockDevice>,
    /// Metadata options.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata_options: Option<MetadataOptions>,
    /// What a power-off by the guest does; `stop` when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shutdown_behavior: Option<ShutdownBehavior>,
    /// Whether the instances are to be hibernated at times.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hibernation: bool,
    /// What it may do without CPU credits; as its type has it when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit_mode: Option<CreditMode>,
    /// Tags of the instances.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    /// Makes the launch idempotent: the same token and parameters give the same answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_token: Option<String>,
    /// Check everything, launch nothing: the answer is then the error `DryRunOperation`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

impl RunInstances {
    /// A launch of one instance with the defaults.
    pub fn new(image_id: impl Into<String>) -> Self {
        Self {
            image_id: image_id.into(),
            count: None,
            min_count: None,
            instance_type: None,
            kernel_id: None,
            ramdisk_id: None,
            key_name: None,
            subnet_id: None,
            zone: None,
            groups: Vec::new(),
            private_ip: None,
            public_ip: None,
            user_data_base64: None,
            block_devices: Vec::new(),
            metadata_options: None,
            shutdown_behavior: None,
            hibernation: false,
            credit_mode: None,
            tags: Tags::new(),
            client_token: None,
            dry_run: false,
        }
    }
}

/// A volume to be made at launch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BlockDevice {
    /// Device name, such as `/dev/xvda` (the root) or `/dev/sdf`.
    pub device_name: String,
    /// Size; the image's for a root device that names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_gib: Option<u64>,
    /// Whether it goes with the instance; yes when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_on_termination: Option<bool>,
    /// Type; `standard` when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_type: Option<String>,
    /// Operations a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iops: Option<u32>,
    /// MiB a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput_mib: Option<u32>,
}

/// What a launch gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Launched {
    /// The launch's id: `r-…`.
    pub reservation_id: String,
    /// The instances, in the order of their launch index.
    pub instances: Vec<Instance>,
    /// What in the user data can't work; the launch goes on all the same.
    pub warnings: Vec<String>,
}
