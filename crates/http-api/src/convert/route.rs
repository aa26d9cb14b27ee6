//! Route tables and gateways on the wire.

use cumulet_api_types::gateway::InternetGateway as WireGateway;
use cumulet_api_types::route as wire;
use cumulet_engine::api::vpc::RequestedTarget;
use cumulet_model::CloudError;
use cumulet_model::error::parse_id;
use cumulet_model::gateway::InternetGateway;
use cumulet_model::route::{ShownRoute, ShownRouteTable};

pub(crate) fn table_to(shown: ShownRouteTable) -> wire::RouteTable {
    wire::RouteTable {
        id: shown.table.id.into(),
        vpc_id: shown.table.vpc_id.into(),
        main: shown.table.main.is_some(),
        subnet_ids: shown.table.subnets.into_iter().map(|held| held.subnet_id.into()).collect(),
        routes: shown.routes.into_iter().map(route_to).collect(),
        tags: shown.table.tags,
    }
}

fn route_to(route: ShownRoute) -> wire::Route {
    wire::Route {
        destination: route.destination.to_string(),
        target: route.target.map_or_else(|| "local".to_owned(), |target| target.to_string()),
        active: route.active,
    }
}

pub(crate) fn target_from(text: &str) -> Result<RequestedTarget, CloudError> {
    match text.split('-').next() {
        Some("igw") => Ok(RequestedTarget::InternetGateway(parse_id(text)?)),
        Some("eigw") => Ok(RequestedTarget::EgressOnlyGateway(parse_id(text)?)),
        Some("nat") => Ok(RequestedTarget::NatGateway(parse_id(text)?)),
        Some("eni") => Ok(RequestedTarget::Interface(parse_id(text)?)),
        Some("i") => Ok(RequestedTarget::Instance(parse_id(text)?)),
        _ => Err(CloudError::invalid_value(
            "target must be the id of a gateway, a NAT gateway, an interface or an instance",
        )),
    }
}

pub(crate) fn gateway_to(gateway: InternetGateway) -> WireGateway {
    WireGateway { id: gateway.id.into(), vpc_id: gateway.vpc_id.map(Into::into), tags: gateway.tags }
}
