//! VPCs, subnets and network interfaces.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::attachment::AttachmentState;
use crate::{AttachmentId, DhcpOptionsId, GroupId, InstanceId, InterfaceId, MacAddr, SubnetId, Tags, VpcId};

/// A virtual private cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vpc {
    /// Id.
    pub id: VpcId,
    /// Its addresses.
    pub cidr: Ipv4Net,
    /// Whether launches that name no subnet go here.
    pub is_default: bool,
    /// The DHCP options set that it uses.
    pub dhcp_options_id: DhcpOptionsId,
    /// Tags.
    pub tags: Tags,
}

/// A subnet: a part of a VPC's addresses in one zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// Id.
    pub id: SubnetId,
    /// The VPC that it belongs to.
    pub vpc_id: VpcId,
    /// Its addresses.
    pub cidr: Ipv4Net,
    /// The zone's name.
    pub zone: String,
    /// Whether it is its zone's default subnet.
    pub default_for_zone: bool,
    /// Whether instances get a public address when the launch does not say.
    pub map_public_ip_on_launch: bool,
    /// How many private addresses are free.
    pub available_addresses: u32,
    /// Tags.
    pub tags: Tags,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkInterface {
    /// Id.
    pub id: InterfaceId,
    /// The VPC that it belongs to.
    pub vpc_id: VpcId,
    /// The subnet that it is in.
    pub subnet_id: SubnetId,
    /// The zone's name.
    pub zone: String,
    /// Free text.
    pub description: String,
    /// Ethernet address, its own alone.
    pub mac: MacAddr,
    /// Private address, kept while the interface lives.
    pub private_ip: Ipv4Addr,
    /// Public address while it has one.
    pub public_ip: Option<Ipv4Addr>,
    /// Security groups, at least one.
    pub groups: Vec<GroupRef>,
    /// Whether packets that are neither from nor to its address are dropped.
    pub source_dest_check: bool,
    /// What it is attached to.
    pub attachment: Option<InterfaceAttachment>,
    /// When it was made.
    pub created: Timestamp,
    /// Tags.
    pub tags: Tags,
}

impl NetworkInterface {
    /// EC2's word for where it is: `available`, `in-use`, or on its way from one to the other.
    pub fn status(&self) -> &'static str {
        match self.attachment.as_ref().map(|attachment| attachment.state) {
            None => "available",
            Some(AttachmentState::Attaching) => "attaching",
            Some(AttachmentState::Attached) => "in-use",
            Some(AttachmentState::Detaching) => "detaching",
        }
    }
}

/// A security group by id and name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRef {
    /// Id.
    pub id: GroupId,
    /// Name.
    pub name: String,
}

/// An interface's attachment to an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceAttachment {
    /// Id of the attachment.
    pub id: AttachmentId,
    /// The instance.
    pub instance_id: InstanceId,
    /// Index; 0 is the primary interface.
    pub device_index: u32,
    /// When it was attached.
    pub attached: Timestamp,
    /// Whether it goes with the instance.
    pub delete_on_termination: bool,
    /// Where it is on its way.
    pub state: AttachmentState,
    /// Whether a detach was asked for by force.
    pub force: bool,
}
