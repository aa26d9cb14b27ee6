//! Instances as the API shows them.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Tags;
use crate::network::{GroupRef, NetworkInterface};

/// An instance's state, in EC2's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum InstanceState {
    /// Being launched or started.
    Pending,
    /// Runs.
    Running,
    /// Being terminated.
    ShuttingDown,
    /// Gone; listed for an hour.
    Terminated,
    /// Being stopped.
    Stopping,
    /// Stopped, can be started.
    Stopped,
}

impl InstanceState {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }
}

impl fmt::Display for InstanceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a power-off by the guest does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ShutdownBehavior {
    /// The instance is stopped.
    Stop,
    /// The instance is terminated.
    Terminate,
}

/// Whether the guest is known to be well, as EC2's instance status check says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Reachability {
    /// Its kernel has set up the machine's devices.
    Passed,
    /// It is too early to say.
    Initializing,
    /// There is nothing to check: it does not run.
    NotApplicable,
}

/// Why an instance came to its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StateReason {
    /// Such as `Client.UserInitiatedShutdown`.
    pub code: String,
    /// For people.
    pub message: String,
}

/// A volume of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InstanceBlockDevice {
    /// Device name, such as `/dev/xvda`.
    pub device_name: String,
    /// The volume.
    pub volume_id: String,
    /// When it was attached.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub attached: Timestamp,
    /// Whether it goes with the instance.
    pub delete_on_termination: bool,
}

/// How an instance may use the metadata service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MetadataOptions {
    /// Whether a session token is required (IMDSv2 only).
    #[serde(default)]
    pub tokens_required: bool,
    /// Whether the service answers at all.
    #[serde(default = "yes")]
    pub endpoint_enabled: bool,
    /// IP time to live of the token's answer, 1 to 64.
    #[serde(default = "one")]
    pub hop_limit: u8,
    /// Whether the instance's tags can be read there.
    #[serde(default)]
    pub tags_enabled: bool,
    /// Whether the service answers over IPv6 too.
    #[serde(default)]
    pub ipv6_enabled: bool,
}

fn yes() -> bool {
    true
}

fn one() -> u8 {
    1
}

/// An instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Instance {
    /// Id: `i-…`.
    pub id: String,
    /// The launch that it came from.
    pub reservation_id: String,
    /// Its number in the launch, from 0.
    pub launch_index: u32,
    /// State.
    pub state: InstanceState,
    /// Why it came to its state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_reason: Option<StateReason>,
    /// The machine image.
    pub image_id: String,
    /// The kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_id: Option<String>,
    /// The ramdisk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramdisk_id: Option<String>,
    /// Name of the instance type.
    pub instance_type: String,
    /// Name of the key pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_name: Option<String>,
    /// When it was last launched or started.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub launch_time: Timestamp,
    /// When it was terminated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub terminated: Option<Timestamp>,
    /// The zone's name.
    pub zone: String,
    /// The VPC of its primary interface.
    pub vpc_id: String,
    /// The subnet of its primary interface.
    pub subnet_id: String,
    /// The primary interface's private address; absent once terminated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_ip: Option<String>,
    /// The primary interface's public address, while it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_ip: Option<String>,
    /// Interfaces in the order of their device index.
    pub interfaces: Vec<NetworkInterface>,
    /// Groups of the primary interface.
    pub groups: Vec<GroupRef>,
    /// Name of the root device.
    pub root_device_name: String,
    /// The instance that it was forked from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forked_from: Option<String>,
    /// Volumes by device.
    pub block_devices: Vec<InstanceBlockDevice>,
    /// Metadata options.
    pub metadata_options: MetadataOptions,
    /// What a power-off by the guest does.
    pub shutdown_behavior: ShutdownBehavior,
    /// Whether termination is refused.
    pub disable_api_termination: bool,
    /// Whether a stop is refused.
    pub disable_api_stop: bool,
    /// Whether it was launched to be hibernated.
    #[serde(default)]
    pub hibernation: bool,
    /// Whether its memory is saved, to go on from at its next start.
    #[serde(default)]
    pub hibernated: bool,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

impl Instance {
    /// The value of its tag `Name`.
    pub fn name(&self) -> Option<&str> {
        self.tags.get("Name").map(String::as_str).filter(|name| !name.is_empty())
    }
}

/// Which instances to list; what is not given does not narrow the list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct InstanceQuery {
    /// Only in these states, comma separated: `running,pending`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Only those whose tag `Name` is exactly this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Only those with this tag: `KEY` or `KEY=VALUE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Only those of this machine image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_id: Option<String>,
}

/// A list of instances, oldest launch first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InstanceList {
    /// The instances.
    pub instances: Vec<Instance>,
}

/// What an instance may do without CPU credits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum CreditMode {
    /// It is held to its type's baseline.
    Standard,
    /// It goes on; what it earns pays that back later.
    Unlimited,
}

/// CPU credits of an instance. One is a vCPU at full speed for a minute.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CpuCredits {
    /// What happens when there are none.
    pub mode: CreditMode,
    /// Credits that can be spent, as they were at most a minute ago.
    pub balance: f64,
    /// Credits that were spent beyond those earned, and are not paid back.
    pub surplus: f64,
    /// Credits earned in an hour.
    pub earned_per_hour: f64,
}

/// One instance with what only a look at it alone shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InstanceDetail {
    /// The instance.
    pub instance: Instance,
    /// Whether the guest is known to be well.
    pub reachability: Reachability,
    /// Its CPU credits, if its type has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_credits: Option<CpuCredits>,
}

/// Changes of an instance. What is not given stays. Type, user data, kernel and ramdisk can be changed while it is stopped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ModifyInstance {
    /// Name of another instance type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_type: Option<String>,
    /// Other user data, base64; an empty text removes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_data_base64: Option<String>,
    /// Another kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_id: Option<String>,
    /// Another ramdisk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramdisk_id: Option<String>,
    /// What a power-off by the guest does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shutdown_behavior: Option<ShutdownBehavior>,
    /// Whether termination is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disable_api_termination: Option<bool>,
    /// Whether a stop is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disable_api_stop: Option<bool>,
    /// Whether the primary interface is held to its own address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_dest_check: Option<bool>,
    /// Ids of the primary interface's security groups, at least one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_ids: Option<Vec<String>>,
    /// Whether volumes go with the instance, by device name.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub delete_on_termination: std::collections::BTreeMap<String, bool>,
    /// Other metadata options, whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata_options: Option<MetadataOptions>,
    /// What it may do without CPU credits; for the burstable types.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit_mode: Option<CreditMode>,
}

/// How to stop.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct StopQuery {
    /// Cut the power instead of asking the guest.
    pub force: bool,
    /// Keep the memory, so that the next start goes on from it. The instance must have been launched for it.
    pub hibernate: bool,
}

/// How to start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct StartQuery {
    /// Boot a hibernated instance from its disks; what its memory held is gone.
    pub discard_memory: bool,
}

/// An instance's state before and after a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StateChange {
    /// The instance.
    pub instance_id: String,
    /// Before.
    pub previous_state: InstanceState,
    /// After.
    pub current_state: InstanceState,
}

/// The user data of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserData {
    /// The bytes, base64; absent when it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_data_base64: Option<String>,
}
