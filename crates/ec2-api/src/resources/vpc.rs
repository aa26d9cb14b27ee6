//! A VPC as DescribeVpcs shows it.

use cumulet_model::network::Vpc;
use cumulet_model::{ErrorCode, VpcId};

use crate::call::Facts;
use crate::describe::{Ids, Kind, id_form};
use crate::filter::{FilterTable, many, one};
use crate::paging::USUAL;
use crate::xml::Xml;

/// How VPCs are described.
pub const KIND: Kind<Vpc> = Kind {
    ids: Some(Ids {
        parameter: "VpcId",
        of: |vpc| vpc.id.to_string(),
        check: id_form::<VpcId>,
        not_found: ErrorCode::InvalidVpcIdNotFound,
        noun: "vpc ID",
    }),
    filters: &FilterTable {
        names: &[
            ("cidr", |v, _| one(v.cidr)),
            ("cidr-block-association.association-id", |v, _| one(association_id(v))),
            ("cidr-block-association.cidr-block", |v, _| one(v.cidr)),
            ("cidr-block-association.state", |_, _| one("associated")),
            ("dhcp-options-id", |v, _| one(&v.dhcp_options_id)),
            ("is-default", |v, _| one(v.is_default)),
            ("owner-id", |_, facts| one(facts.account)),
            ("state", |_, _| one("available")),
            ("tag", |v, _| many(v.tags.iter().map(|(key, value)| format!("{key}={value}")))),
            ("vpc-id", |v, _| one(&v.id)),
            // The name that EC2's older documentation and tools use.
            ("isDefault", |v, _| one(v.is_default)),
            ("cidr-block", |v, _| one(v.cidr)),
        ],
        absent: &[
            "ipv6-cidr-block-association.association-id",
            "ipv6-cidr-block-association.ipv6-cidr-block",
            "ipv6-cidr-block-association.ipv6-pool",
            "ipv6-cidr-block-association.state",
        ],
        tags: Some(|v| &v.tags),
    },
    page: Some((USUAL, |vpc| vpc.id.to_string())),
};

/// The association of a VPC with its only range of addresses.
fn association_id(vpc: &Vpc) -> String {
    format!("vpc-cidr-assoc-{}", vpc.id.digits())
}

/// A VPC's fields.
pub fn xml(vpc: &Vpc, facts: &Facts<'_>) -> Xml {
    let association = Xml::new()
        .text("associationId", association_id(vpc))
        .text("cidrBlock", vpc.cidr)
        .node("cidrBlockState", Xml::new().text("state", "associated"));
    Xml::new()
        .text("ownerId", facts.account)
        .text("instanceTenancy", "default")
        .list("cidrBlockAssociationSet", [association])
        .text("isDefault", vpc.is_default)
        .tags(&vpc.tags)
        .text("vpcId", &vpc.id)
        .text("state", "available")
        .text("cidrBlock", vpc.cidr)
        .text("dhcpOptionsId", &vpc.dhcp_options_id)
}
