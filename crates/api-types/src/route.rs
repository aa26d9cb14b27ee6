//! Route tables.

use serde::{Deserialize, Serialize};

use crate::Tags;

/// A route table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RouteTable {
    /// Id: `rtb-…`.
    pub id: String,
    /// Its VPC.
    pub vpc_id: String,
    /// Whether it is its VPC's main one, which subnets use that have no other.
    pub main: bool,
    /// The subnets that were told to use it.
    pub subnet_ids: Vec<String>,
    /// Its routes, the local ones first.
    pub routes: Vec<Route>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Route {
    /// A range of addresses, or the id of a prefix list.
    pub destination: String,
    /// `local`, or the id of what it leads to.
    pub target: String,
    /// Whether that is there and at work; else the route is a blackhole.
    pub active: bool,
}

/// A list of route tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RouteTableList {
    /// The tables, oldest first.
    pub route_tables: Vec<RouteTable>,
}

/// A route table to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateRouteTable {
    /// Its VPC.
    pub vpc_id: String,
    /// Tags.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

/// The subnet that shall use a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AssociateRouteTable {
    /// The subnet.
    pub subnet_id: String,
}

/// A route to be added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateRoute {
    /// A range of addresses, or the id of a prefix list.
    pub destination: String,
    /// The id of what it leads to: an internet gateway, an egress-only one, a NAT gateway, an interface or an instance.
    pub target: String,
}

/// The route to be removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub struct DeleteRouteQuery {
    /// Its destination.
    pub destination: String,
}
