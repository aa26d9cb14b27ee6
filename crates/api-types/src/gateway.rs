//! Gateways of VPCs.

use serde::{Deserialize, Serialize};

use crate::Tags;

/// An internet gateway: joins a VPC to the internet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InternetGateway {
    /// Id: `igw-…`.
    pub id: String,
    /// The VPC that it is attached to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<String>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

/// A list of internet gateways.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InternetGatewayList {
    /// They.
    pub internet_gateways: Vec<InternetGateway>,
}

/// An internet gateway to be made and attached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateInternetGateway {
    /// The VPC.
    pub vpc_id: String,
    /// Tags.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}
