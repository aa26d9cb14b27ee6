//! Internet gateways, and egress-only ones for IPv6.

use serde::{Deserialize, Serialize};

use crate::{EgressOnlyGatewayId, InternetGatewayId, Tags, VpcId};

/// An internet gateway: joins a VPC to the internet. A VPC has at most one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InternetGateway {
    /// Id.
    pub id: InternetGatewayId,
    /// The VPC that it is attached to.
    pub vpc_id: Option<VpcId>,
    /// Tags.
    pub tags: Tags,
}

/// An egress-only internet gateway: lets IPv6 connections out and none in. A VPC has at most one, from its making to its
/// end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EgressOnlyGateway {
    /// Id.
    pub id: EgressOnlyGatewayId,
    /// Its VPC.
    pub vpc_id: VpcId,
    /// Tags.
    pub tags: Tags,
}
