//! What is answered.

use std::fmt;
use std::net::IpAddr;

use cumulet_model::security::{Direction, RuleSpec};
use cumulet_model::{GroupId, InstanceId, InterfaceId, NatGatewayId, RouteTableId, SubnetId, VpcId};
use cumulet_ports::network::{AclEntry, RouteTarget};
use ipnet::IpNet;

use crate::{Code, Packet};

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Analysis {
    /// Whether some such packet gets there and its answer back.
    pub reachable: bool,
    /// The packet that was followed, as its source sends it.
    pub packet: Option<Packet>,
    /// Each hop there, as far as it gets.
    pub forward: Vec<Hop>,
    /// Each hop of the answer, as far as it gets.
    pub back: Vec<Hop>,
    /// All that stops it; empty if it is reachable.
    pub explanations: Vec<Explanation>,
    /// Components by which there may be another way, or is one.
    pub hints: Vec<Component>,
    /// What is worth knowing of a way that was found.
    pub warnings: Vec<String>,
}

/// A part of the network.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Component {
    /// An instance.
    Instance(InstanceId),
    /// An interface.
    Interface(InterfaceId),
    /// A security group.
    Group(GroupId),
    /// The network ACL of a subnet.
    Acl(SubnetId),
    /// A route table.
    RouteTable(RouteTableId),
    /// A VPC's internet gateway, or where it would be.
    InternetGateway(VpcId),
    /// A VPC's egress-only internet gateway.
    EgressOnlyGateway(VpcId),
    /// A NAT gateway.
    NatGateway(NatGatewayId),
    /// A subnet.
    Subnet(SubnetId),
    /// A VPC.
    Vpc(VpcId),
    /// An address of the VPC's own router: `metadata`, `dns`, `router`.
    Service(&'static str),
    /// The world outside, at an address of it.
    Outside(IpAddr),
}

/// One hop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// Where the packet is.
    pub component: Component,
    /// The VPC.
    pub vpc: Option<VpcId>,
    /// The subnet.
    pub subnet: Option<SubnetId>,
    /// The packet as it comes.
    pub inbound: Option<Packet>,
    /// The packet as it goes; another one after a translation.
    pub outbound: Option<Packet>,
    /// What decided there.
    pub rule: Option<HopRule>,
}

/// What decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HopRule {
    /// A security group's rule.
    Group(GroupHit),
    /// A network ACL's entry.
    Acl(AclHit),
    /// A route.
    Route(RouteHit),
}

/// A rule of a group that allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupHit {
    /// The group.
    pub group: GroupId,
    /// Which way.
    pub direction: Direction,
    /// The rule.
    pub rule: RuleSpec,
}

/// An entry of an ACL that allowed or denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AclHit {
    /// The subnet that it guards.
    pub subnet: SubnetId,
    /// Which way.
    pub direction: Direction,
    /// The entry; `None` is the one without a number, which denies the rest.
    pub entry: Option<AclEntry>,
}

/// A route that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteHit {
    /// The table.
    pub table: Option<RouteTableId>,
    /// Its destination.
    pub to: IpNet,
    /// Where it leads; `None` is local.
    pub target: Option<RouteTarget>,
    /// Whether its target works.
    pub active: bool,
}

/// Which of the two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// There.
    Forward,
    /// The answer's.
    Back,
}

/// One reason why a packet is stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The reason.
    pub code: Code,
    /// What stops it.
    pub component: Component,
    /// On which way.
    pub way: Way,
    /// For groups and ACLs, which direction's rules.
    pub direction: Option<Direction>,
    /// The VPC.
    pub vpc: Option<VpcId>,
    /// The subnet.
    pub subnet: Option<SubnetId>,
    /// The interface that is concerned.
    pub interface: Option<InterfaceId>,
    /// The groups none of whose rules apply.
    pub groups: Vec<GroupId>,
    /// The ACL's entry or the route.
    pub rule: Option<HopRule>,
    /// The packet as it was then.
    pub packet: Option<Packet>,
}

impl Explanation {
    /// A reason without particulars.
    pub(crate) fn new(code: Code, component: Component, way: Way) -> Self {
        Self {
            code,
            component,
            way,
            direction: None,
            vpc: None,
            subnet: None,
            interface: None,
            groups: vec![],
            rule: None,
            packet: None,
        }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instance(id) => write!(f, "instance {id}"),
            Self::Interface(id) => write!(f, "interface {id}"),
            Self::Group(id) => write!(f, "security group {id}"),
            Self::Acl(subnet) => write!(f, "network ACL of {subnet}"),
            Self::RouteTable(id) => write!(f, "route table {id}"),
            Self::InternetGateway(vpc) => write!(f, "internet gateway of {vpc}"),
            Self::EgressOnlyGateway(vpc) => write!(f, "egress-only internet gateway of {vpc}"),
            Self::NatGateway(id) => write!(f, "NAT gateway {id}"),
            Self::Subnet(id) => write!(f, "subnet {id}"),
            Self::Vpc(id) => write!(f, "VPC {id}"),
            Self::Service(name) => write!(f, "the VPC's {name}"),
            Self::Outside(address) => write!(f, "outside, {address}"),
        }
    }
}
