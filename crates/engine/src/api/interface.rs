//! Requests about network interfaces.

use std::net::Ipv4Addr;

use cumulet_model::{AttachmentId, GroupId, InstanceId, InterfaceId, SubnetId, Tags};
use serde::Serialize;

/// An interface to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CreateInterface {
    /// The subnet.
    pub subnet_id: SubnetId,
    /// Free text.
    pub description: Option<String>,
    /// Security groups; the VPC's default group when empty.
    pub group_ids: Vec<GroupId>,
    /// A private address of the caller's choice.
    pub private_ip: Option<Ipv4Addr>,
    /// Tags.
    pub tags: Tags,
    /// Makes the request idempotent.
    #[serde(skip)]
    pub client_token: Option<String>,
}

/// An interface to be attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachInterface {
    /// The interface.
    pub interface_id: InterfaceId,
    /// The instance.
    pub instance_id: InstanceId,
    /// Index, from 1.
    pub device_index: u32,
}

/// One change of an interface; EC2 takes one at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InterfaceChange {
    /// Free text.
    Description(String),
    /// Security groups.
    Groups(Vec<GroupId>),
    /// Whether it is held to its own address.
    SourceDestCheck(bool),
    /// Whether it goes with the instance that it is attached to.
    DeleteOnTermination(AttachmentId, bool),
}

/// Secondary private addresses to be given to an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssignPrivateAddresses {
    /// The interface.
    pub interface_id: InterfaceId,
    /// Which.
    pub wanted: WantedAddresses,
    /// Whether those that another interface has as secondary ones are moved.
    pub reassign: bool,
}

/// Which addresses a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WantedAddresses {
    /// The caller's choice.
    These(Vec<Ipv4Addr>),
    /// So many of the subnet's free ones.
    Count(u32),
}

impl WantedAddresses {
    /// How many.
    pub fn count(&self) -> usize {
        match self {
            Self::These(list) => list.len(),
            Self::Count(count) => *count as usize,
        }
    }
}
