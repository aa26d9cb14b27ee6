//! Tags of all kinds of resources.

use serde::{Deserialize, Serialize};

use crate::Tags;

/// A tag of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Tag {
    /// The resource's id.
    pub resource_id: String,
    /// EC2's word for the kind of resource, such as `instance`.
    pub resource_type: String,
    /// Key.
    pub key: String,
    /// Value.
    pub value: String,
}

/// A list of tags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TagList {
    /// The tags.
    pub tags: Vec<Tag>,
}

/// Which tags to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct TagQuery {
    /// Only those of this resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_id: Option<String>,
}

/// Tags to be set on resources; a key that is there gets the new value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SetTags {
    /// The resources' ids, at least one.
    pub resource_ids: Vec<String>,
    /// The tags.
    pub tags: Tags,
}

/// Tags to be removed from resources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RemoveTags {
    /// The resources' ids, at least one.
    pub resource_ids: Vec<String>,
    /// The keys, at least one.
    pub keys: Vec<String>,
}
