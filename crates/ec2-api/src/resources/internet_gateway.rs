//! An internet gateway as DescribeInternetGateways shows it.

use cumulet_model::gateway::InternetGateway;
use cumulet_model::{ErrorCode, InternetGatewayId};

use crate::call::Facts;
use crate::describe::{Ids, Kind, id_form};
use crate::filter::{FilterTable, many, one, opt};
use crate::paging::USUAL;
use crate::xml::Xml;

/// EC2 says `available` of an attachment that works, which its model does not list.
const AVAILABLE: &str = "available";

/// How internet gateways are described.
pub const KIND: Kind<InternetGateway> = Kind {
    ids: Some(Ids {
        parameter: "InternetGatewayId",
        of: |gateway| gateway.id.to_string(),
        check: id_form::<InternetGatewayId>,
        not_found: ErrorCode::InvalidInternetGatewayIdNotFound,
        noun: "internetGateway ID",
    }),
    filters: &FilterTable {
        names: &[
            ("attachment.state", |g, _| opt(g.vpc_id.as_ref().map(|_| AVAILABLE))),
            ("attachment.vpc-id", |g, _| opt(g.vpc_id.as_ref())),
            ("internet-gateway-id", |g, _| one(&g.id)),
            ("owner-id", |_, facts| one(facts.account)),
            ("tag", |g, _| many(g.tags.iter().map(|(key, value)| format!("{key}={value}")))),
        ],
        absent: &[],
        tags: Some(|g| &g.tags),
    },
    page: Some((USUAL, |gateway| gateway.id.to_string())),
};

/// An internet gateway's fields.
pub fn xml(gateway: &InternetGateway, facts: &Facts<'_>) -> Xml {
    let attachments = gateway.vpc_id.iter().map(|vpc| Xml::new().text("state", AVAILABLE).text("vpcId", vpc));
    Xml::new()
        .list("attachmentSet", attachments)
        .text("internetGatewayId", &gateway.id)
        .text("ownerId", facts.account)
        .tags(&gateway.tags)
}
