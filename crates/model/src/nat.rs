//! NAT gateways.

use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{AddressAssociationId, AllocationId, InterfaceId, NatGatewayId, SubnetId, Tags, VpcId};

/// A public NAT gateway: gives connections from its VPC its own elastic address and lets none in. One that has ended, well or
/// not, stays listed for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NatGateway {
    /// Id.
    pub id: NatGatewayId,
    /// Its VPC.
    pub vpc_id: VpcId,
    /// The subnet that it is in, by whose route table its traffic goes on.
    pub subnet_id: SubnetId,
    /// Where it is in its life.
    pub state: NatGatewayState,
    /// When it was asked for.
    pub created: Timestamp,
    /// When it was deleted, or failed.
    pub ended: Option<Timestamp>,
    /// Why it failed.
    pub failure: Option<NatGatewayFailure>,
    /// The elastic address that it was asked for with.
    pub allocation_id: AllocationId,
    /// Its address within the VPC and outside; one that failed at once has none.
    pub address: Option<NatGatewayAddress>,
    /// Tags.
    pub tags: Tags,
}

/// The states of a NAT gateway: from pending to available or failed; from any of these by deleting to deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NatGatewayState {
    /// Being made.
    Pending,
    /// It could not be made.
    Failed,
    /// At work.
    Available,
    /// Being taken away.
    Deleting,
    /// Gone.
    Deleted,
}

impl NatGatewayState {
    /// EC2's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Failed => "failed",
            Self::Available => "available",
            Self::Deleting => "deleting",
            Self::Deleted => "deleted",
        }
    }

    /// Whether the host has it, or is about to.
    pub fn is_wired(self) -> bool {
        matches!(self, Self::Pending | Self::Available)
    }
}

/// Why a NAT gateway failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NatGatewayFailure {
    /// EC2's code.
    pub code: String,
    /// EC2's text for it.
    pub message: String,
}

/// A NAT gateway's interface with its addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NatGatewayAddress {
    /// The interface that stands for it.
    pub interface_id: InterfaceId,
    /// Its address in the subnet.
    pub private_ip: Ipv4Addr,
    /// Its elastic address.
    pub public_ip: Ipv4Addr,
    /// The association of both.
    pub association_id: AddressAssociationId,
}
