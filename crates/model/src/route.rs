//! Route tables and routes (VPC guide, "Configure route tables").

use std::fmt;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{
    CloudError, EgressOnlyGatewayId, InstanceId, InterfaceId, InternetGatewayId, MalformedId, NatGatewayId,
    PrefixListId, RouteTableAssociationId, RouteTableId, SubnetId, Tags, VpcId,
};

/// A route table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteTable {
    /// Id.
    pub id: RouteTableId,
    /// Its VPC.
    pub vpc_id: VpcId,
    /// The association that makes it its VPC's main one: what has no other uses it.
    pub main: Option<RouteTableAssociationId>,
    /// The subnets that use it by an association of their own.
    pub subnets: Vec<RouteTableAssociation>,
    /// Its routes beside the local ones, in the order in which they came.
    pub routes: Vec<Route>,
    /// Tags.
    pub tags: Tags,
}

/// A subnet's association with a route table; a subnet has at most one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteTableAssociation {
    /// Id.
    pub id: RouteTableAssociationId,
    /// The subnet.
    pub subnet_id: SubnetId,
}

/// A route that somebody made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Where it is for.
    pub destination: Destination,
    /// Where it leads.
    pub target: Target,
}

/// What a route is for: a range of addresses, or all those of a prefix list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// A range, without host bits.
    Cidr(IpNet),
    /// A prefix list.
    PrefixList(PrefixListId),
}

/// Where a route leads. What it names may be gone; the route is then a blackhole.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// An internet gateway.
    InternetGateway(InternetGatewayId),
    /// An egress-only internet gateway.
    EgressOnlyGateway(EgressOnlyGatewayId),
    /// A NAT gateway.
    NatGateway(NatGatewayId),
    /// An interface, whose instance forwards.
    Interface(InterfaceId),
}

/// A route as it is shown, with what is computed of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownRoute {
    /// Where it is for.
    pub destination: Destination,
    /// Where it leads; `None` is local.
    pub target: Option<Target>,
    /// The instance that has the interface that it leads to.
    pub instance_id: Option<InstanceId>,
    /// Whether what it leads to is there and at work; else it is a blackhole.
    pub active: bool,
}

/// A route table as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownRouteTable {
    /// The table.
    pub table: RouteTable,
    /// All its routes, the local ones first.
    pub routes: Vec<ShownRoute>,
}

macro_rules! as_text {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
                out.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

as_text!(Destination);
as_text!(Target);

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cidr(cidr) => cidr.fmt(f),
            Self::PrefixList(id) => id.fmt(f),
        }
    }
}

impl FromStr for Destination {
    type Err = CloudError;

    /// Host bits are taken away, as EC2 does.
    fn from_str(text: &str) -> Result<Self, CloudError> {
        if let Ok(id) = text.parse() {
            return Ok(Self::PrefixList(id));
        }
        let text: String = text.chars().take(64).collect();
        text.parse::<IpNet>().map(|cidr| Self::Cidr(cidr.trunc())).map_err(|_| {
            CloudError::invalid_value(format!("Value ({text}) is invalid. This is not a valid CIDR block."))
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InternetGateway(id) => id.fmt(f),
            Self::EgressOnlyGateway(id) => id.fmt(f),
            Self::NatGateway(id) => id.fmt(f),
            Self::Interface(id) => id.fmt(f),
        }
    }
}

impl FromStr for Target {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        match text.split('-').next() {
            Some("igw") => text.parse().map(Self::InternetGateway),
            Some("eigw") => text.parse().map(Self::EgressOnlyGateway),
            Some("nat") => text.parse().map(Self::NatGateway),
            _ => text.parse().map(Self::Interface),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_and_targets_come_back_from_their_text() {
        for text in ["0.0.0.0/0", "::/0", "10.0.0.0/24", "pl-0123456789abcdef0"] {
            assert_eq!(text.parse::<Destination>().unwrap().to_string(), text);
        }
        assert_eq!("10.0.0.9/24".parse::<Destination>().unwrap().to_string(), "10.0.0.0/24");
        assert!("10.0.0.9".parse::<Destination>().is_err());
        for prefix in ["igw", "eigw", "nat", "eni"] {
            let text = format!("{prefix}-0123456789abcdef0");
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
        assert!("i-0123456789abcdef0".parse::<Target>().is_err());
    }
}
