//! VPCs, subnets and network interfaces.

use serde::{Deserialize, Serialize};

use crate::Tags;

/// A virtual private cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Vpc {
    /// Id: `vpc-…`.
    pub id: String,
    /// Its addresses, such as `172.31.0.0/16`.
    pub cidr: String,
    /// Further ranges of its addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more_cidrs: Vec<String>,
    /// Its IPv6 addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ipv6_cidrs: Vec<String>,
    /// Whether launches that name no subnet go here.
    pub is_default: bool,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

/// A VPC to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateVpc {
    /// Its addresses, a /16 to /28.
    pub cidr: String,
    /// Whether it gets IPv6 addresses, a /56.
    #[serde(default)]
    pub ipv6: bool,
    /// Tags.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

/// A list of VPCs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VpcList {
    /// The VPCs.
    pub vpcs: Vec<Vpc>,
}

/// A subnet: a part of a VPC's addresses in one zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Subnet {
    /// Id: `subnet-…`.
    pub id: String,
    /// The VPC that it belongs to.
    pub vpc_id: String,
    /// Its addresses.
    pub cidr: String,
    /// The zone's name.
    pub zone: String,
    /// Whether it is its zone's default subnet.
    pub default_for_zone: bool,
    /// Whether instances get a public address when the launch does not say.
    pub map_public_ip_on_launch: bool,
    /// How many private addresses are free.
    pub available_addresses: u32,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

/// A subnet to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateSubnet {
    /// The VPC.
    pub vpc_id: String,
    /// Its addresses, a /16 to /28 of the VPC's.
    pub cidr: String,
    /// Its IPv6 addresses, a /64 of the VPC's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6_cidr: Option<String>,
    /// The zone's name; the first zone when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Whether instances get a public address when the launch does not say.
    #[serde(default)]
    pub map_public_ip_on_launch: bool,
    /// Tags.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

/// A list of subnets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SubnetList {
    /// The subnets.
    pub subnets: Vec<Subnet>,
}

/// A security group by id and name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GroupRef {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NetworkInterface {
    /// Id: `eni-…`.
    pub id: String,
    /// The VPC that it belongs to.
    pub vpc_id: String,
    /// The subnet that it is in.
    pub subnet_id: String,
    /// The zone's name.
    pub zone: String,
    /// Free text.
    pub description: String,
    /// Ethernet address, six bytes with colons.
    pub mac: String,
    /// Private address.
    pub private_ip: String,
    /// Public address while it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_ip: Option<String>,
    /// Security groups.
    pub groups: Vec<GroupRef>,
    /// The instance that it is attached to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// Its index on that instance; 0 is the primary interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_index: Option<u32>,
    /// Whether it goes with that instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_on_termination: Option<bool>,
    /// `available`, `attaching`, `in-use` or `detaching`.
    pub status: String,
    /// Whether it is held to its own address as source and destination.
    pub source_dest_check: bool,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

/// An interface to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateNetworkInterface {
    /// The subnet; the default one of the first zone when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet_id: Option<String>,
    /// Free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Ids of security groups; the VPC's default group when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub group_ids: Vec<String>,
    /// A private address of the caller's choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_ip: Option<String>,
    /// Tags.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    /// Makes the request idempotent: the same token and parameters give the same interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_token: Option<String>,
}

/// Where an interface is to be attached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AttachNetworkInterface {
    /// The instance.
    pub instance_id: String,
    /// Index, from 1; the first free one when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_index: Option<u32>,
}

/// Changes of an interface. What is not given stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ModifyNetworkInterface {
    /// Free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Ids of security groups, at least one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_ids: Option<Vec<String>>,
    /// Whether it is held to its own address as source and destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_dest_check: Option<bool>,
    /// Whether it goes with the instance that it is attached to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_on_termination: Option<bool>,
}

/// A list of network interfaces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NetworkInterfaceList {
    /// The interfaces.
    pub network_interfaces: Vec<NetworkInterface>,
}
