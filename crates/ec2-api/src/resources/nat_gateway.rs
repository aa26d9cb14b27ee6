//! A NAT gateway as DescribeNatGateways shows it.

use cumulet_model::nat::{NatGateway, NatGatewayState};
use cumulet_model::{ErrorCode, NatGatewayId};

use crate::describe::{Ids, Kind, id_form};
use crate::filter::{FilterTable, many, one};
use crate::paging::USUAL;
use crate::xml::Xml;

/// How NAT gateways are described.
pub const KIND: Kind<NatGateway> = Kind {
    ids: Some(Ids {
        parameter: "NatGatewayId",
        of: |gateway| gateway.id.to_string(),
        check: id_form::<NatGatewayId>,
        not_found: ErrorCode::NatGatewayNotFound,
        noun: "Nat Gateway",
    }),
    filters: &FilterTable {
        names: &[
            ("nat-gateway-id", |g, _| one(&g.id)),
            ("state", |g, _| one(g.state.as_str())),
            ("subnet-id", |g, _| one(&g.subnet_id)),
            ("tag", |g, _| many(g.tags.iter().map(|(key, value)| format!("{key}={value}")))),
            ("vpc-id", |g, _| one(&g.vpc_id)),
        ],
        absent: &[],
        tags: Some(|g| &g.tags),
    },
    page: Some((USUAL, |gateway| gateway.id.to_string())),
};

/// A NAT gateway's fields.
pub fn xml(gateway: &NatGateway) -> Xml {
    let failure = gateway.failure.as_ref();
    let start = Xml::new().time("createTime", gateway.created);
    let start = match gateway.ended {
        Some(ended) if gateway.state == NatGatewayState::Deleted => start.time("deleteTime", ended),
        _ => start,
    };
    start
        .maybe("failureCode", failure.map(|failure| &failure.code))
        .maybe("failureMessage", failure.map(|failure| &failure.message))
        .list("natGatewayAddressSet", [address(gateway)])
        .text("natGatewayId", &gateway.id)
        .text("state", gateway.state.as_str())
        .text("subnetId", &gateway.subnet_id)
        .text("vpcId", &gateway.vpc_id)
        .tags(&gateway.tags)
        .text("connectivityType", "public")
        .text("availabilityMode", "zonal")
}

fn address(gateway: &NatGateway) -> Xml {
    let held = gateway.address.as_ref();
    let status = match gateway.state {
        NatGatewayState::Pending => "associating",
        NatGatewayState::Available => "succeeded",
        NatGatewayState::Failed => "failed",
        NatGatewayState::Deleting | NatGatewayState::Deleted => "disassociating",
    };
    Xml::new()
        .text("allocationId", &gateway.allocation_id)
        .maybe("networkInterfaceId", held.map(|held| &held.interface_id))
        .maybe("privateIp", held.map(|held| held.private_ip))
        .maybe("publicIp", held.map(|held| held.public_ip))
        .maybe("associationId", held.map(|held| &held.association_id))
        .text("isPrimary", true)
        .text("status", status)
}
