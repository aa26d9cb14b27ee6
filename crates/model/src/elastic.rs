//! Elastic addresses: public addresses that stay with the account until they are released, and lead to one private
//! address of one interface at a time.

use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{AddressAssociationId, AllocationId, InstanceId, InterfaceId, Tags};

/// An elastic address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ElasticAddress {
    /// Id.
    pub id: AllocationId,
    /// The address.
    pub public_ip: Ipv4Addr,
    /// When it was allocated.
    pub allocated: Timestamp,
    /// Where it leads; idle while `None`.
    pub association: Option<AddressAssociation>,
    /// Tags.
    pub tags: Tags,
}

/// Where an elastic address leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressAssociation {
    /// Id.
    pub id: AddressAssociationId,
    /// The interface.
    pub interface_id: InterfaceId,
    /// One of the interface's private addresses.
    pub private_ip: Ipv4Addr,
    /// The instance that the interface is attached to.
    pub instance_id: Option<InstanceId>,
}

/// What a private address knows of its elastic address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ElasticRef {
    /// The elastic address's id.
    pub allocation_id: AllocationId,
    /// The association's id.
    pub association_id: AddressAssociationId,
    /// The address.
    pub public_ip: Ipv4Addr,
}
