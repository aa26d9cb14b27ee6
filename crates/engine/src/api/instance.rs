//! Requests about instances.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use cumulet_model::credits::CreditMode;
use cumulet_model::instance::{MetadataOptions, Reservation};
use cumulet_model::state::ShutdownBehavior;
use cumulet_model::volume::BlockDeviceMapping;
use cumulet_model::{GroupId, ImageId, InstanceId, SavedMachineId, SubnetId, Tags};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A launch. What is `None` takes EC2's default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInstances {
    /// The machine image.
    pub image_id: ImageId,
    /// The fewest instances that are worth launching; fewer than that is `InsufficientInstanceCapacity`.
    pub min_count: u32,
    /// The most instances wanted.
    pub max_count: u32,
    /// Name of the instance type; `t3.micro` when not given.
    pub instance_type: Option<String>,
    /// A kernel in place of the image's.
    pub kernel_id: Option<ImageId>,
    /// A ramdisk in place of the image's.
    pub ramdisk_id: Option<ImageId>,
    /// Name of a key pair.
    pub key_name: Option<String>,
    /// The subnet; the default subnet of the zone when not given.
    pub subnet_id: Option<SubnetId>,
    /// The zone's name, when no subnet says it.
    pub zone: Option<String>,
    /// Security groups by id.
    pub group_ids: Vec<GroupId>,
    /// Security groups by name, in the default VPC.
    pub group_names: Vec<String>,
    /// A private address of the caller's choice; one instance only.
    pub private_ip: Option<Ipv4Addr>,
    /// Whether to give a public address; the subnet's setting when not given.
    pub associate_public_ip: Option<bool>,
    /// Description of the primary interface.
    pub interface_description: Option<String>,
    /// User data as given, not encoded; at most 16 KiB.
    pub user_data: Option<Vec<u8>>,
    /// Volumes beyond the image's and changes to the root volume.
    pub block_devices: Vec<BlockDeviceMapping>,
    /// Metadata options.
    pub metadata_options: MetadataOptions,
    /// What a power-off by the guest does.
    pub shutdown_behavior: ShutdownBehavior,
    /// Whether TerminateInstances shall be refused.
    pub disable_api_termination: bool,
    /// Whether StopInstances shall be refused.
    pub disable_api_stop: bool,
    /// Whether detailed monitoring was asked for.
    pub monitoring: bool,
    /// Whether it is to be hibernated at times.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hibernation: bool,
    /// What happens without CPU credits; the type's default when not given.
    #[serde(default)]
    pub credit_mode: Option<CreditMode>,
    /// Tags of the instances.
    pub instance_tags: Tags,
    /// Tags of their volumes.
    pub volume_tags: Tags,
    /// Tags of their interfaces.
    pub interface_tags: Tags,
    /// Makes the launch idempotent: the same token and parameters give the same reservation.
    pub client_token: Option<String>,
    /// Check everything, launch nothing: the answer is the error `DryRunOperation`.
    #[serde(skip)]
    pub dry_run: bool,
}

impl RunInstances {
    /// A launch of one instance of `image` with EC2's defaults.
    pub fn new(image_id: ImageId) -> Self {
        Self {
            image_id,
            min_count: 1,
            max_count: 1,
            instance_type: None,
            kernel_id: None,
            ramdisk_id: None,
            key_name: None,
            subnet_id: None,
            zone: None,
            group_ids: Vec::new(),
            group_names: Vec::new(),
            private_ip: None,
            associate_public_ip: None,
            interface_description: None,
            user_data: None,
            block_devices: Vec::new(),
            metadata_options: MetadataOptions::default(),
            shutdown_behavior: ShutdownBehavior::default(),
            disable_api_termination: false,
            disable_api_stop: false,
            monitoring: false,
            hibernation: false,
            credit_mode: None,
            instance_tags: Tags::new(),
            volume_tags: Tags::new(),
            interface_tags: Tags::new(),
            client_token: None,
            dry_run: false,
        }
    }
}

/// What a launch gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launched {
    /// The reservation with its instances.
    pub reservation: Reservation,
    /// What in the user data can't work, for people; the launch goes on all the same.
    pub warnings: Vec<String>,
}

/// A machine to save.
#[derive(Debug, Clone, Serialize)]
pub struct SaveMachine {
    /// A running instance whose guest has the agent.
    pub source: InstanceId,
    /// A name for the saved machine.
    pub name: Option<String>,
    /// The same token with the same parameters gives the same saved machine.
    #[serde(skip)]
    pub client_token: Option<String>,
}

/// What to fork of a saved machine.
#[derive(Debug, Clone, Serialize)]
pub struct ForkSaved {
    /// The saved machine.
    pub saved: SavedMachineId,
    /// How many forks.
    pub count: u32,
    /// Tags of the forks, over the source's own.
    pub tags: Tags,
    /// The same token with the same parameters gives the same forks.
    #[serde(skip)]
    pub client_token: Option<String>,
}

/// What to fork.
#[derive(Debug, Clone, Serialize)]
pub struct ForkInstance {
    /// A running instance whose guest has the agent.
    pub source: InstanceId,
    /// How many forks.
    pub count: u32,
    /// Tags of the forks, over the source's own.
    pub tags: Tags,
    /// The same token with the same parameters gives the same forks.
    #[serde(skip)]
    pub client_token: Option<String>,
}

/// One change by ModifyInstanceAttribute; EC2 takes one at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttributeChange {
    /// Another type; only while stopped.
    InstanceType(String),
    /// Other user data; only while stopped.
    UserData(Vec<u8>),
    /// Another kernel; only while stopped.
    Kernel(ImageId),
    /// Another ramdisk; only while stopped.
    Ramdisk(ImageId),
    /// What a power-off by the guest does.
    ShutdownBehavior(ShutdownBehavior),
    /// Whether TerminateInstances is refused.
    DisableApiTermination(bool),
    /// Whether StopInstances is refused.
    DisableApiStop(bool),
    /// Whether the primary interface is held to its own address.
    SourceDestCheck(bool),
    /// The primary interface's security groups.
    Groups(Vec<GroupId>),
    /// Delete-on-termination by device name.
    BlockDevices(BTreeMap<String, bool>),
}

/// What the serial console said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleOutput {
    /// When it was read.
    pub timestamp: Timestamp,
    /// The last bytes, at most 64 KiB.
    pub output: Vec<u8>,
}

/// A piece of the serial console as it goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsolePiece {
    /// Where the piece begins, in bytes since the machine's start.
    pub offset: u64,
    /// Where the next piece begins.
    pub next: u64,
    /// The bytes.
    pub data: Vec<u8>,
}

/// Health of an instance as DescribeInstanceStatus shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reachability {
    /// The machine's devices were set up by its kernel.
    Passed,
    /// It is too early to say.
    Initializing,
    /// There is nothing to check: the instance does not run.
    NotApplicable,
}
