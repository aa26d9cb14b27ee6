//! Forks of a running instance or of a saved machine.

use serde::{Deserialize, Serialize};

use crate::Tags;

/// What to make of a running instance or of a saved machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ForkInstance {
    /// How many forks, all or none; 1 when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// Tags of the forks, over the source's own.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    /// Makes the request idempotent: the same token and parameters give the same answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_token: Option<String>,
}
