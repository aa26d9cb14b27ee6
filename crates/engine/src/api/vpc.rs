//! Requests about VPCs, their subnets, route tables and gateways.

use std::net::Ipv4Addr;

use cumulet_model::dhcp::DhcpOptions;
use cumulet_model::network::VpcRange;
use cumulet_model::route::Destination;
use cumulet_model::{
    AllocationId, EgressOnlyGatewayId, InstanceId, InterfaceId, InternetGatewayId, NatGatewayId,
    RouteTableId, SubnetId, Tags, VpcId,
};
use ipnet::{Ipv4Net, Ipv6Net};
use serde::Serialize;

/// A VPC to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateVpc {
    /// Its addresses, a /16 to /28; host bits are taken away.
    pub cidr: Ipv4Net,
    /// Whether it gets an IPv6 range of the pool.
    pub ipv6: bool,
    /// Tags.
    pub tags: Tags,
}

/// One change of a VPC; EC2 takes one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VpcChange {
    /// Whether its DNS server answers.
    DnsSupport(bool),
    /// Whether instances with public addresses have public names.
    DnsHostnames(bool),
    /// Whether network address usage metrics are wanted.
    AddressMetrics(bool),
}

/// A range that a VPC is to get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WantedRange {
    /// This one.
    Ipv4(Ipv4Net),
    /// A /56 of the IPv6 pool.
    Ipv6,
}

/// A range that a VPC got or lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AssociatedRange {
    /// IPv4.
    Ipv4(VpcRange<Ipv4Net>),
    /// IPv6.
    Ipv6(VpcRange<Ipv6Net>),
}

/// A subnet to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateSubnet {
    /// The VPC.
    pub vpc_id: VpcId,
    /// Its addresses, a /16 to /28 of the VPC's; host bits are taken away.
    pub cidr: Ipv4Net,
    /// Its IPv6 addresses, a /64 of the VPC's.
    pub ipv6_cidr: Option<Ipv6Net>,
    /// The zone's name; the first zone when not given.
    pub zone: Option<String>,
    /// Tags.
    pub tags: Tags,
}

/// One change of a subnet; EC2 takes one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubnetChange {
    /// Whether instances get a public address when the launch does not say.
    MapPublicIp(bool),
    /// Whether interfaces made in it get an IPv6 address when the request does not say.
    AssignIpv6(bool),
}

/// A route table to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CreateRouteTable {
    /// The VPC.
    pub vpc_id: VpcId,
    /// Tags.
    pub tags: Tags,
    /// Makes the request idempotent.
    #[serde(skip)]
    pub client_token: Option<String>,
}

/// A route to be made, or to be led elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteRequest {
    /// The table.
    pub route_table_id: RouteTableId,
    /// What it is for.
    pub destination: Destination,
    /// Where it is to lead.
    pub target: RequestedTarget,
}

/// How a caller names where a route is to lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestedTarget {
    /// An internet gateway that is attached to the table's VPC.
    InternetGateway(InternetGatewayId),
    /// The VPC's egress-only internet gateway; for IPv6.
    EgressOnlyGateway(EgressOnlyGatewayId),
    /// A NAT gateway of the VPC.
    NatGateway(NatGatewayId),
    /// An interface in the VPC.
    Interface(InterfaceId),
    /// The only interface of an instance.
    Instance(InstanceId),
    /// What a route for the VPC's own addresses leads to.
    Local,
}

/// An egress-only internet gateway to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CreateEgressOnlyGateway {
    /// The VPC.
    pub vpc_id: VpcId,
    /// Tags.
    pub tags: Tags,
    /// Makes the request idempotent.
    #[serde(skip)]
    pub client_token: Option<String>,
}

/// A public NAT gateway to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CreateNatGateway {
    /// The subnet that it is in.
    pub subnet_id: SubnetId,
    /// Its elastic address, which must lead nowhere.
    pub allocation_id: AllocationId,
    /// A private address of the caller's choice.
    pub private_ip: Option<Ipv4Addr>,
    /// Tags.
    pub tags: Tags,
    /// Makes the request idempotent.
    #[serde(skip)]
    pub client_token: Option<String>,
}

/// A DHCP options set to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateDhcpOptions {
    /// What it says.
    pub options: DhcpOptions,
    /// Tags.
    pub tags: Tags,
}
