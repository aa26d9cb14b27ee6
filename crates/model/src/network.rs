//! VPCs, subnets and network interfaces.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::attachment::AttachmentState;
use crate::elastic::ElasticRef;
use crate::{
    AttachmentId, DhcpOptionsId, GroupId, InstanceId, InterfaceId, MacAddr, SubnetCidrAssociationId,
    SubnetId, Tags, VpcCidrAssociationId, VpcId,
};

/// A virtual private cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vpc {
    /// Id.
    pub id: VpcId,
    /// The addresses that it was made with, which it keeps.
    pub cidr: Ipv4Net,
    /// Further ranges, in the order in which they came.
    pub more_cidrs: Vec<VpcRange<Ipv4Net>>,
    /// IPv6 ranges, each a /56 of the installation's pool.
    pub ipv6_cidrs: Vec<VpcRange<Ipv6Net>>,
    /// Whether launches that name no subnet go here.
    pub is_default: bool,
    /// The DHCP options set that it uses; `None` is EC2's `default`, which is none at all.
    pub dhcp_options_id: Option<DhcpOptionsId>,
    /// Whether its DNS server answers.
    pub dns_support: bool,
    /// Whether instances with public addresses have public names.
    pub dns_hostnames: bool,
    /// Whether network address usage metrics are wanted; this cloud keeps the wish and measures nothing.
    pub address_metrics: bool,
    /// Tags.
    pub tags: Tags,
}

/// A range of addresses of a VPC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VpcRange<N> {
    /// Id of the association.
    pub id: VpcCidrAssociationId,
    /// The addresses.
    pub cidr: N,
}

impl Vpc {
    /// A VPC with EC2's defaults for those that are not the default one.
    pub fn new(id: VpcId, cidr: Ipv4Net) -> Self {
        Self {
            id,
            cidr,
            more_cidrs: vec![],
            ipv6_cidrs: vec![],
            is_default: false,
            dhcp_options_id: None,
            dns_support: true,
            dns_hostnames: false,
            address_metrics: false,
            tags: Tags::new(),
        }
    }

    /// All IPv4 ranges with their associations, the first one first; its association's id is made of the VPC's.
    pub fn cidrs(&self) -> Vec<VpcRange<Ipv4Net>> {
        let id = format!("vpc-cidr-assoc-{}", self.id.digits()).parse();
        let first = id.ok().map(|id| VpcRange { id, cidr: self.cidr });
        first.into_iter().chain(self.more_cidrs.iter().cloned()).collect()
    }
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
    /// Its IPv6 addresses.
    pub ipv6: Option<SubnetRange>,
    /// The zone's name.
    pub zone: String,
    /// Whether it is its zone's default subnet.
    pub default_for_zone: bool,
    /// Whether instances get a public address when the launch does not say.
    pub map_public_ip_on_launch: bool,
    /// Whether interfaces made in it get an IPv6 address when the request does not say.
    pub assign_ipv6_on_creation: bool,
    /// How many private addresses are free.
    pub available_addresses: u32,
    /// Tags.
    pub tags: Tags,
}

impl Subnet {
    /// A subnet with EC2's defaults for those that are not default ones.
    pub fn new(id: SubnetId, vpc_id: VpcId, cidr: Ipv4Net, zone: &str) -> Self {
        Self {
            id,
            vpc_id,
            cidr,
            ipv6: None,
            zone: zone.to_owned(),
            default_for_zone: false,
            map_public_ip_on_launch: false,
            assign_ipv6_on_creation: false,
            available_addresses: crate::address::assignable_count(cidr),
            tags: Tags::new(),
        }
    }
}

/// The IPv6 range of a subnet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubnetRange {
    /// Id of the association.
    pub id: SubnetCidrAssociationId,
    /// The addresses, a /64.
    pub cidr: Ipv6Net,
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
    /// What it is for.
    #[serde(default)]
    pub kind: InterfaceKind,
    /// Primary private address, kept while the interface lives.
    pub private_ip: Ipv4Addr,
    /// Public address of the primary private one while it has one.
    pub public_ip: Option<Ipv4Addr>,
    /// What makes the public address an elastic one; a dynamic one has none.
    #[serde(default)]
    pub elastic: Option<ElasticRef>,
    /// Secondary private addresses in the order of their assignment.
    #[serde(default)]
    pub secondary: Vec<SecondaryAddress>,
    /// IPv6 addresses in the order of their assignment.
    #[serde(default)]
    pub ipv6: Vec<Ipv6Addr>,
    /// Whether the first IPv6 address is kept while the interface lives (VPC guide, "primary IPv6 address").
    #[serde(default)]
    pub primary_ipv6: bool,
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

/// What an interface is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InterfaceKind {
    /// Instances.
    #[default]
    Interface,
    /// A NAT gateway, whose life it shares: nobody else changes it.
    NatGateway,
}

impl InterfaceKind {
    /// EC2's word (`InterfaceType`).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Interface => "interface",
            Self::NatGateway => "nat_gateway",
        }
    }
}

/// A secondary private address of an interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondaryAddress {
    /// The address.
    pub private_ip: Ipv4Addr,
    /// Its elastic address, if it has one.
    pub elastic: Option<ElasticRef>,
}

/// One of an interface's private addresses with what belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrivateAddress<'a> {
    /// The address.
    pub private_ip: Ipv4Addr,
    /// Whether it is the primary one.
    pub primary: bool,
    /// Its public address.
    pub public_ip: Option<Ipv4Addr>,
    /// What makes the public address an elastic one.
    pub elastic: Option<&'a ElasticRef>,
}

impl NetworkInterface {
    /// Its private addresses, the primary one first.
    pub fn addresses(&self) -> impl Iterator<Item = PrivateAddress<'_>> {
        let primary = PrivateAddress {
            private_ip: self.private_ip,
            primary: true,
            public_ip: self.public_ip,
            elastic: self.elastic.as_ref(),
        };
        let secondary = self.secondary.iter().map(|address| PrivateAddress {
            private_ip: address.private_ip,
            primary: false,
            public_ip: address.elastic.as_ref().map(|elastic| elastic.public_ip),
            elastic: address.elastic.as_ref(),
        });
        std::iter::once(primary).chain(secondary)
    }

    /// EC2's word for where it is: `available`, `in-use`, or on its way from one to the other.
    pub fn status(&self) -> &'static str {
        match self.attachment.as_ref().map(|attachment| attachment.state) {
            None if self.kind == InterfaceKind::NatGateway => "in-use",
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
