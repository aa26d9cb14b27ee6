//! Requests about elastic addresses.

use std::net::Ipv4Addr;

use cumulet_model::{AddressAssociationId, AllocationId, InstanceId, InterfaceId};

/// How a request names an elastic address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressName {
    /// By its id.
    Allocation(AllocationId),
    /// By the address itself.
    Public(Ipv4Addr),
}

/// How a request names an association.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AssociationName {
    /// By its id.
    Association(AddressAssociationId),
    /// By the elastic address.
    Address(AddressName),
}

/// What an elastic address shall lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressTarget {
    /// An instance's only interface.
    Instance(InstanceId),
    /// An interface.
    Interface(InterfaceId),
}

/// An association to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssociateAddress {
    /// The elastic address.
    pub address: AddressName,
    /// Where it shall lead.
    pub target: AddressTarget,
    /// Which of the interface's private addresses; the primary one when not given.
    pub private_ip: Option<Ipv4Addr>,
    /// Whether an association that is there may be ended for it; it may when not given.
    pub allow_reassociation: Option<bool>,
}
