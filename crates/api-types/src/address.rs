//! Elastic addresses.

use serde::{Deserialize, Serialize};

use crate::Tags;

/// An elastic address: a public address that stays until it is released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Address {
    /// Id: `eipalloc-…`.
    pub id: String,
    /// The address.
    pub public_ip: String,
    /// Where it leads; it is idle without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub association: Option<AddressAssociation>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

/// Where an elastic address leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AddressAssociation {
    /// Id: `eipassoc-…`.
    pub id: String,
    /// The interface.
    pub interface_id: String,
    /// One of the interface's private addresses.
    pub private_ip: String,
    /// The instance that the interface is attached to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
}

/// A list of elastic addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AddressList {
    /// The addresses, oldest first.
    pub addresses: Vec<Address>,
    /// How many of them lead nowhere.
    pub idle: usize,
}

/// An elastic address to be had.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AllocateAddress {
    /// A certain address of the public pool; the next free one when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_ip: Option<String>,
    /// Tags.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

/// Where an elastic address shall lead. Exactly one of `instance_id` and `interface_id` is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AssociateAddress {
    /// An instance with one interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// An interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface_id: Option<String>,
    /// One of its private addresses; the primary one when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_ip: Option<String>,
    /// Whether it may be taken away from where it leads now; it may when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_reassociation: Option<bool>,
}
