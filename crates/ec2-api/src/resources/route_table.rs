//! A route table as DescribeRouteTables shows it.

use cumulet_model::route::{Destination, ShownRoute, ShownRouteTable, Target};
use cumulet_model::{ErrorCode, RouteTableId};
use ipnet::IpNet;

use super::vpc::ASSOCIATED;
use crate::call::Facts;
use crate::describe::{Ids, Kind, id_form};
use crate::filter::{FilterTable, many, one};
use crate::paging::Bounds;
use crate::xml::Xml;

/// How route tables are described.
pub const KIND: Kind<ShownRouteTable> = Kind {
    ids: Some(Ids {
        parameter: "RouteTableId",
        of: |shown| shown.table.id.to_string(),
        check: id_form::<RouteTableId>,
        not_found: ErrorCode::InvalidRouteTableIdNotFound,
        noun: "routeTable ID",
    }),
    filters: &FILTERS,
    page: Some((Bounds { min: 5, max: 100 }, |shown| shown.table.id.to_string())),
};

const FILTERS: FilterTable<ShownRouteTable> = FilterTable {
    names: &[
        ("association.main", |t, _| many(associations(t).iter().map(|(_, subnet)| subnet.is_none()))),
        ("association.route-table-association-id", |t, _| many(associations(t).iter().map(|(id, _)| id))),
        ("association.route-table-id", |t, _| many(associations(t).iter().map(|_| &t.table.id))),
        ("association.subnet-id", |t, _| many(t.table.subnets.iter().map(|held| &held.subnet_id))),
        ("owner-id", |_, facts| one(facts.account)),
        ("route-table-id", |t, _| one(&t.table.id)),
        ("route.destination-cidr-block", |t, _| many(t.routes.iter().filter_map(|r| cidr_of(r, false)))),
        ("route.destination-ipv6-cidr-block", |t, _| many(t.routes.iter().filter_map(|r| cidr_of(r, true)))),
        ("route.destination-prefix-list-id", |t, _| many(t.routes.iter().filter_map(list_of))),
        ("route.egress-only-internet-gateway-id", |t, _| named(t, "egressOnlyInternetGatewayId")),
        ("route.gateway-id", |t, _| named(t, "gatewayId")),
        ("route.instance-id", |t, _| many(t.routes.iter().filter_map(|r| r.instance_id.as_ref()))),
        ("route.nat-gateway-id", |t, _| named(t, "natGatewayId")),
        ("route.origin", |t, _| many(t.routes.iter().map(origin))),
        ("route.state", |t, _| many(t.routes.iter().map(state))),
        ("tag", |t, _| many(t.table.tags.iter().map(|(key, value)| format!("{key}={value}")))),
        ("vpc-id", |t, _| one(&t.table.vpc_id)),
    ],
    absent: &["association.gateway-id", "route.transit-gateway-id", "route.vpc-peering-connection-id"],
    tags: Some(|t| &t.table.tags),
};

/// The associations of a table: their ids, with the subnets of those that are not the main one.
fn associations(shown: &ShownRouteTable) -> Vec<(String, Option<String>)> {
    let table = &shown.table;
    let main = table.main.iter().map(|id| (id.to_string(), None));
    let subnets = table.subnets.iter().map(|held| (held.id.to_string(), Some(held.subnet_id.to_string())));
    main.chain(subnets).collect()
}

fn cidr_of(route: &ShownRoute, ipv6: bool) -> Option<IpNet> {
    match &route.destination {
        Destination::Cidr(cidr) if cidr.addr().is_ipv6() == ipv6 => Some(*cidr),
        _ => None,
    }
}

fn list_of(route: &ShownRoute) -> Option<String> {
    match &route.destination {
        Destination::PrefixList(id) => Some(id.to_string()),
        Destination::Cidr(_) => None,
    }
}

/// The element that names what a route leads to, with the name.
fn target(route: &ShownRoute) -> (&'static str, String) {
    match &route.target {
        None => ("gatewayId", "local".to_owned()),
        Some(Target::InternetGateway(id)) => ("gatewayId", id.to_string()),
        Some(Target::EgressOnlyGateway(id)) => ("egressOnlyInternetGatewayId", id.to_string()),
        Some(Target::NatGateway(id)) => ("natGatewayId", id.to_string()),
        Some(Target::Interface(id)) => ("networkInterfaceId", id.to_string()),
    }
}

fn named(shown: &ShownRouteTable, element: &str) -> Vec<String> {
    shown.routes.iter().map(target).filter(|(name, _)| *name == element).map(|(_, id)| id).collect()
}

fn origin(route: &ShownRoute) -> &'static str {
    if route.target.is_none() { "CreateRouteTable" } else { "CreateRoute" }
}

fn state(route: &ShownRoute) -> &'static str {
    if route.active { "active" } else { "blackhole" }
}

/// A route table's fields.
pub fn xml(shown: &ShownRouteTable, facts: &Facts<'_>) -> Xml {
    let table = &shown.table;
    let associations = associations(shown).into_iter().map(|(id, subnet)| {
        Xml::new()
            .text("main", subnet.is_none())
            .text("routeTableAssociationId", id)
            .text("routeTableId", &table.id)
            .maybe("subnetId", subnet)
            .node("associationState", Xml::new().text("state", ASSOCIATED))
    });
    Xml::new()
        .list("associationSet", associations)
        .list("propagatingVgwSet", [])
        .text("routeTableId", &table.id)
        .list("routeSet", shown.routes.iter().map(|route| route_xml(route, facts)))
        .tags(&table.tags)
        .text("vpcId", &table.vpc_id)
        .text("ownerId", facts.account)
}

fn route_xml(route: &ShownRoute, facts: &Facts<'_>) -> Xml {
    let (element, id) = target(route);
    let at = |name: &str| (element == name).then_some(&id);
    Xml::new()
        .maybe("destinationCidrBlock", cidr_of(route, false))
        .maybe("destinationIpv6CidrBlock", cidr_of(route, true))
        .maybe("destinationPrefixListId", list_of(route))
        .maybe("egressOnlyInternetGatewayId", at("egressOnlyInternetGatewayId"))
        .maybe("gatewayId", at("gatewayId"))
        .maybe("instanceId", route.instance_id.as_ref())
        .maybe("instanceOwnerId", route.instance_id.as_ref().map(|_| facts.account))
        .maybe("natGatewayId", at("natGatewayId"))
        .maybe("networkInterfaceId", at("networkInterfaceId"))
        .text("origin", origin(route))
        .text("state", state(route))
}
