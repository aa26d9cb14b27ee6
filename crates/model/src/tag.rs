//! Tags: up to fifty key-value pairs on a resource, with EC2's limits on their text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{CloudError, ErrorCode};

/// A resource's tags in the order of their keys.
pub type Tags = BTreeMap<String, String>;

/// One tag of one resource, as DescribeTags lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// The id of the resource that carries it.
    pub resource_id: String,
    /// Key, 1 to 127 characters.
    pub key: String,
    /// Value, 0 to 255 characters.
    pub value: String,
}

impl Tag {
    /// The resource type by EC2's name, told from the id's prefix: "instance", "security-group" and so on.
    pub fn resource_type(&self) -> &'static str {
        resource_type(&self.resource_id)
    }
}

/// EC2's name of the resource type that an id's prefix stands for.
pub fn resource_type(id: &str) -> &'static str {
    let prefix = id.rfind('-').map_or("", |end| &id[..end]);
    match prefix {
        "i" => "instance",
        "r" => "reservation",
        "ami" | "aki" | "ari" => "image",
        "vol" => "volume",
        "snap" => "snapshot",
        "vpc" => "vpc",
        "subnet" => "subnet",
        "eni" => "network-interface",
        "sg" => "security-group",
        "sgr" => "security-group-rule",
        "key" => "key-pair",
        "igw" => "internet-gateway",
        "eigw" => "egress-only-internet-gateway",
        "nat" => "natgateway",
        "rtb" => "route-table",
        "acl" => "network-acl",
        "eipalloc" => "elastic-ip",
        "pl" => "prefix-list",
        "dopt" => "dhcp-options",
        "fl" => "vpc-flow-log",
        "nip" => "network-insights-path",
        "nia" => "network-insights-analysis",
        _ => "unknown",
    }
}

/// Checks tags against the limits of the EC2 guide ("Tag restrictions"): at most 50 on a resource, a key of 1 to 127
/// characters that does not begin with `aws:`, a value of at most 255 characters.
pub fn check_tags(tags: &Tags) -> Result<(), CloudError> {
    if tags.len() > 50 {
        return Err(CloudError::new(ErrorCode::TagLimitExceeded, "a resource can have at most 50 tags"));
    }
    for (key, value) in tags {
        if key.is_empty() || key.chars().count() > 127 {
            let text = "Tag keys must be 1 to 127 characters long";
            return Err(CloudError::new(ErrorCode::InvalidParameterValue, text));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            let text = format!("Tag keys starting with 'aws:' are reserved for internal use: {key:?}");
            return Err(CloudError::new(ErrorCode::InvalidParameterValue, text));
        }
        if value.chars().count() > 255 {
            let text = format!("the value of tag {key:?} is longer than 255 characters");
            return Err(CloudError::new(ErrorCode::InvalidParameterValue, text));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_at_their_edges() {
        let one = |k: String, v: String| check_tags(&Tags::from([(k, v)]));
        assert!(one("k".repeat(127), "v".repeat(255)).is_ok());
        assert!(one("k".repeat(128), String::new()).is_err());
        assert!(one(String::new(), String::new()).is_err());
        assert!(one("AWS:x".into(), String::new()).is_err());
        assert!(one("k".into(), "v".repeat(256)).is_err());
        let many: Tags = (0..51).map(|i| (i.to_string(), String::new())).collect();
        assert_eq!(check_tags(&many).unwrap_err().code, ErrorCode::TagLimitExceeded);
    }

    #[test]
    fn types_come_from_prefixes() {
        assert_eq!(resource_type("i-0123456789abcdef0"), "instance");
        assert_eq!(resource_type("sgr-0123456789abcdef0"), "security-group-rule");
        assert_eq!(resource_type("nonsense"), "unknown");
    }
}
