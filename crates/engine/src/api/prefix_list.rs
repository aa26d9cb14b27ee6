//! Requests about managed prefix lists.

use cumulet_model::prefix_list::{AddressFamily, PrefixListEntry};
use cumulet_model::{PrefixListId, Tags};
use ipnet::IpNet;
use serde::Serialize;

/// A prefix list to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CreatePrefixList {
    /// Name.
    pub name: String,
    /// The family of its ranges.
    pub family: AddressFamily,
    /// The most entries that it may have.
    pub max_entries: u32,
    /// Its first entries.
    pub entries: Vec<PrefixListEntry>,
    /// Tags.
    pub tags: Tags,
    /// Makes the request idempotent.
    #[serde(skip)]
    pub client_token: Option<String>,
}

/// Changes of a prefix list. What is not given stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModifyPrefixList {
    /// The list.
    pub id: PrefixListId,
    /// The version that the change is meant for; another one is `PrefixListVersionMismatch`.
    pub current_version: Option<u64>,
    /// Another name.
    pub name: Option<String>,
    /// Another size; not together with entries.
    pub max_entries: Option<u32>,
    /// Entries to add; one whose range is there gets the new description.
    pub add: Vec<PrefixListEntry>,
    /// Entries to remove, by their ranges.
    pub remove: Vec<IpNet>,
}
