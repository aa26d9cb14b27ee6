//! Instances as callers see them, and their metadata options.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::attachment::AttachmentState;
use crate::network::{GroupRef, NetworkInterface};
use crate::state::{InstanceState, ShutdownBehavior, StateReason};
use crate::{ImageId, InstanceId, ReservationId, SubnetId, Tags, VolumeId, VpcId};

/// An instance with everything that DescribeInstances shows of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Id.
    pub id: InstanceId,
    /// The launch that it came from.
    pub reservation_id: ReservationId,
    /// Its number in the launch, from 0.
    pub launch_index: u32,
    /// The machine image.
    pub image_id: ImageId,
    /// The kernel.
    pub kernel_id: Option<ImageId>,
    /// The ramdisk.
    pub ramdisk_id: Option<ImageId>,
    /// Name of the instance type, such as `t3.micro`.
    pub instance_type: String,
    /// Name of the key pair.
    pub key_name: Option<String>,
    /// State.
    pub state: InstanceState,
    /// Why it came to its state.
    pub state_reason: Option<StateReason>,
    /// EC2's older text of the same: `User initiated (2026-01-02 03:04:05 GMT)`; empty while none.
    pub state_transition_reason: String,
    /// When it was last launched or started.
    pub launch_time: Timestamp,
    /// When it was terminated.
    pub terminated: Option<Timestamp>,
    /// The zone's name.
    pub zone: String,
    /// The VPC of its primary interface.
    pub vpc_id: VpcId,
    /// The subnet of its primary interface.
    pub subnet_id: SubnetId,
    /// Interfaces in the order of their device index; empty once terminated.
    pub interfaces: Vec<NetworkInterface>,
    /// Groups of the primary interface.
    pub groups: Vec<GroupRef>,
    /// Name of the root device.
    pub root_device_name: String,
    /// Volumes by device; empty once terminated.
    pub block_devices: Vec<InstanceBlockDevice>,
    /// Metadata options.
    pub metadata_options: MetadataOptions,
    /// What a power-off by the guest does.
    pub shutdown_behavior: ShutdownBehavior,
    /// Whether TerminateInstances is refused.
    pub disable_api_termination: bool,
    /// Whether StopInstances is refused.
    pub disable_api_stop: bool,
    /// The launch's client token.
    pub client_token: Option<String>,
    /// Whether detailed monitoring was asked for.
    pub monitoring: bool,
    /// Whether it was launched to be hibernated (`HibernationOptions.Configured`).
    pub hibernation: bool,
    /// Whether its memory is saved, to go on from at its next start.
    pub hibernated: bool,
    /// The instance whose machine it began from, if it is a fork.
    pub forked_from: Option<InstanceId>,
    /// Tags.
    pub tags: Tags,
}

impl Instance {
    /// The primary interface; none once terminated.
    pub fn primary_interface(&self) -> Option<&NetworkInterface> {
        self.interfaces.first()
    }
}

/// A volume of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceBlockDevice {
    /// Device name.
    pub device_name: String,
    /// The volume.
    pub volume_id: VolumeId,
    /// When it was attached.
    pub attached: Timestamp,
    /// Whether it goes with the instance.
    pub delete_on_termination: bool,
    /// Where the attachment is on its way.
    pub state: AttachmentState,
}

/// How an instance may use the metadata service (EC2 guide, "Configure the instance metadata options").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataOptions {
    /// Whether a session token is required (`HttpTokens=required`).
    pub tokens_required: bool,
    /// Whether the service answers at all (`HttpEndpoint=enabled`).
    pub endpoint_enabled: bool,
    /// IP time to live of the token's answer, 1 to 64.
    pub hop_limit: u8,
    /// Whether the instance's tags can be read there (`InstanceMetadataTags=enabled`).
    pub tags_enabled: bool,
    /// Whether the service answers over IPv6 too (`HttpProtocolIpv6=enabled`).
    #[serde(default)]
    pub ipv6_enabled: bool,
}

impl Default for MetadataOptions {
    fn default() -> Self {
        Self {
            tokens_required: false,
            endpoint_enabled: true,
            hop_limit: 1,
            tags_enabled: false,
            ipv6_enabled: false,
        }
    }
}

/// An instance's state before and after a request, as Start-, Stop- and TerminateInstances answer it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateChange {
    /// The instance.
    pub instance_id: InstanceId,
    /// Before.
    pub previous: InstanceState,
    /// After.
    pub current: InstanceState,
}

/// What one RunInstances call launched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// Id.
    pub id: ReservationId,
    /// The account that owns it.
    pub owner_id: String,
    /// The instances in the order of their launch index.
    pub instances: Vec<Instance>,
}
