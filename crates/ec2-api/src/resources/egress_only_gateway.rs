//! An egress-only internet gateway as DescribeEgressOnlyInternetGateways shows it.

use cumulet_model::gateway::EgressOnlyGateway;
use cumulet_model::{EgressOnlyGatewayId, ErrorCode};

use crate::describe::{Ids, Kind, id_form};
use crate::filter::{FilterTable, many};
use crate::paging::Bounds;
use crate::xml::Xml;

/// How egress-only internet gateways are described.
pub const KIND: Kind<EgressOnlyGateway> = Kind {
    ids: Some(Ids {
        parameter: "EgressOnlyInternetGatewayId",
        of: |gateway| gateway.id.to_string(),
        check: id_form::<EgressOnlyGatewayId>,
        not_found: ErrorCode::InvalidEgressOnlyGatewayIdNotFound,
        noun: "gateway ID",
    }),
    filters: &FilterTable {
        names: &[("tag", |g, _| many(g.tags.iter().map(|(key, value)| format!("{key}={value}"))))],
        absent: &[],
        tags: Some(|g| &g.tags),
    },
    page: Some((Bounds { min: 5, max: 255 }, |gateway| gateway.id.to_string())),
};

/// An egress-only internet gateway's fields.
pub fn xml(gateway: &EgressOnlyGateway) -> Xml {
    let attachment = Xml::new().text("state", "attached").text("vpcId", &gateway.vpc_id);
    Xml::new()
        .list("attachmentSet", [attachment])
        .text("egressOnlyInternetGatewayId", &gateway.id)
        .tags(&gateway.tags)
}
