//! Managed prefix lists: named, versioned lists of address ranges that rules and routes refer to (VPC guide, "Group
//! CIDR blocks using managed prefix lists").

use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{CloudError, ErrorCode, PrefixListId, Tags};

/// The most entries that a list may be made for.
pub const MAX_ENTRIES: u32 = 1000;
/// The most characters of a list's name and of an entry's description.
const MAX_TEXT: usize = 255;

/// A prefix list as its newest version is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrefixList {
    /// Id.
    pub id: PrefixListId,
    /// Name.
    pub name: String,
    /// The family of all its ranges.
    pub family: AddressFamily,
    /// The most entries that it may have; each rule and route that refers to it counts as so many.
    pub max_entries: u32,
    /// The newest version, from 1.
    pub version: u64,
    /// What was done to it last.
    pub state: PrefixListState,
    /// Entries, in the order of their ranges.
    pub entries: Vec<PrefixListEntry>,
    /// When it was made.
    pub created: Timestamp,
    /// Tags.
    pub tags: Tags,
}

/// A range of a prefix list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PrefixListEntry {
    /// The range, without host bits.
    pub cidr: IpNet,
    /// Free text.
    pub description: Option<String>,
}

/// A family of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddressFamily {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

impl AddressFamily {
    /// EC2's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
        }
    }

    /// The family of a range.
    pub fn of(cidr: &IpNet) -> Self {
        match cidr {
            IpNet::V4(_) => Self::Ipv4,
            IpNet::V6(_) => Self::Ipv6,
        }
    }
}

/// What was done to a prefix list last; each is done when the answer is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrefixListState {
    /// It was made.
    CreateComplete,
    /// It was modified.
    ModifyComplete,
    /// An earlier version was restored.
    RestoreComplete,
}

impl PrefixListState {
    /// EC2's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CreateComplete => "create-complete",
            Self::ModifyComplete => "modify-complete",
            Self::RestoreComplete => "restore-complete",
        }
    }
}

/// Checks a name: 1 to 255 characters that do not begin with EC2's own prefix.
pub fn check_name(name: &str) -> Result<(), CloudError> {
    if name.is_empty() || name.chars().count() > MAX_TEXT || name.chars().any(char::is_control) {
        let text =
            format!("PrefixListName must be 1 to {MAX_TEXT} characters long, without control characters");
        return Err(CloudError::invalid_value(text));
    }
    if name.starts_with("com.amazonaws") {
        return Err(CloudError::invalid_value("PrefixListName must not begin with 'com.amazonaws'"));
    }
    Ok(())
}

/// Checks what the entries of a list for `max` of them may be: of its family, each range once, no more than `max`.
pub fn check_entries(family: AddressFamily, max: u32, entries: &[PrefixListEntry]) -> Result<(), CloudError> {
    for (nth, PrefixListEntry { cidr, description }) in entries.iter().enumerate() {
        if AddressFamily::of(cidr) != family {
            let text =
                format!("The CIDR '{cidr}' is not of the prefix list's address family {}", family.as_str());
            return Err(CloudError::invalid_value(text));
        }
        if entries[..nth].iter().any(|other| other.cidr == *cidr) {
            return Err(CloudError::invalid_value(format!("The CIDR '{cidr}' is given more than once")));
        }
        let text = description.as_deref().unwrap_or_default();
        if text.chars().count() > MAX_TEXT || text.chars().any(char::is_control) {
            let text =
                format!("Description must be at most {MAX_TEXT} characters long, without control characters");
            return Err(CloudError::invalid_value(text));
        }
    }
    if entries.len() > max as usize {
        let text = format!("The prefix list would have {} entries; its maximum is {max}", entries.len());
        return Err(CloudError::new(ErrorCode::PrefixListMaxEntriesExceeded, text));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_of_the_lists_family_and_each_once() {
        let entry = |cidr: &str| PrefixListEntry { cidr: cidr.parse().unwrap(), description: None };
        let check = |max, entries: &[PrefixListEntry]| check_entries(AddressFamily::Ipv4, max, entries);
        assert!(check(2, &[entry("10.0.0.0/8"), entry("10.0.0.0/16")]).is_ok());
        assert!(check(2, &[entry("10.0.0.0/8"), entry("10.0.0.0/8")]).is_err());
        assert!(check(2, &[entry("fd00::/8")]).unwrap_err().message.contains("IPv4"));
        let many = check(1, &[entry("10.0.0.0/8"), entry("11.0.0.0/8")]).unwrap_err();
        assert_eq!(many.code, ErrorCode::PrefixListMaxEntriesExceeded);
        assert!(
            check_name("com.amazonaws.mine").is_err()
                && check_name("").is_err()
                && check_name("office").is_ok()
        );
    }
}
