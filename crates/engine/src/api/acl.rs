//! Requests about network ACLs.

use cumulet_model::{Tags, VpcId};
use serde::Serialize;

/// A network ACL to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CreateNetworkAcl {
    /// The VPC.
    pub vpc_id: VpcId,
    /// Tags.
    pub tags: Tags,
    /// Makes the request idempotent.
    #[serde(skip)]
    pub client_token: Option<String>,
}
