//! A VPC as DescribeVpcs shows it.

use cumulet_engine::api::vpc::AssociatedRange;
use cumulet_model::network::{Vpc, VpcRange};
use cumulet_model::{ErrorCode, VpcId};
use ipnet::{Ipv4Net, Ipv6Net};

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
            ("cidr-block-association.association-id", |v, _| many(v.cidrs().iter().map(|held| &held.id))),
            ("cidr-block-association.cidr-block", |v, _| many(v.cidrs().iter().map(|held| held.cidr))),
            ("cidr-block-association.state", |_, _| one(ASSOCIATED)),
            ("dhcp-options-id", |v, _| one(options_id(v))),
            ("ipv6-cidr-block-association.association-id", |v, _| {
                many(v.ipv6_cidrs.iter().map(|held| &held.id))
            }),
            ("ipv6-cidr-block-association.ipv6-cidr-block", |v, _| {
                many(v.ipv6_cidrs.iter().map(|held| held.cidr))
            }),
            ("ipv6-cidr-block-association.ipv6-pool", |v, _| many(v.ipv6_cidrs.iter().map(|_| IPV6_POOL))),
            ("ipv6-cidr-block-association.state", |v, _| many(v.ipv6_cidrs.iter().map(|_| ASSOCIATED))),
            ("is-default", |v, _| one(v.is_default)),
            ("owner-id", |_, facts| one(facts.account)),
            ("state", |_, _| one("available")),
            ("tag", |v, _| many(v.tags.iter().map(|(key, value)| format!("{key}={value}")))),
            ("vpc-id", |v, _| one(&v.id)),
            // The name that EC2's older documentation and tools use.
            ("isDefault", |v, _| one(v.is_default)),
            ("cidr-block", |v, _| one(v.cidr)),
        ],
        absent: &[],
        tags: Some(|v| &v.tags),
    },
    page: Some((USUAL, |vpc| vpc.id.to_string())),
};

/// The state of a range that a VPC or a subnet has.
pub const ASSOCIATED: &str = "associated";
/// EC2's word for its own IPv6 addresses, which here are the installation's.
const IPV6_POOL: &str = "Amazon";

/// The set that a VPC uses, or EC2's word for none.
fn options_id(vpc: &Vpc) -> String {
    vpc.dhcp_options_id.as_ref().map_or("default".to_owned(), ToString::to_string)
}

/// An IPv4 range's association.
pub fn range_xml(held: &VpcRange<Ipv4Net>, state: &str) -> Xml {
    Xml::new()
        .text("associationId", &held.id)
        .text("cidrBlock", held.cidr)
        .node("cidrBlockState", Xml::new().text("state", state))
}

/// An IPv6 range's association.
pub fn range6_xml(held: &VpcRange<Ipv6Net>, state: &str, facts: &Facts<'_>) -> Xml {
    Xml::new()
        .text("associationId", &held.id)
        .text("ipv6CidrBlock", held.cidr)
        .node("ipv6CidrBlockState", Xml::new().text("state", state))
        .text("networkBorderGroup", &facts.region.name)
        .text("ipv6Pool", IPV6_POOL)
        .text("ipv6AddressAttribute", "public")
        .text("ipSource", "amazon")
}

/// A range that a VPC gets or loses, in its element.
pub fn associated_xml(range: &AssociatedRange, state: &str, facts: &Facts<'_>) -> Xml {
    match range {
        AssociatedRange::Ipv4(held) => Xml::new().node("cidrBlockAssociation", range_xml(held, state)),
        AssociatedRange::Ipv6(held) => {
            Xml::new().node("ipv6CidrBlockAssociation", range6_xml(held, state, facts))
        }
    }
}

/// A VPC's fields.
pub fn xml(vpc: &Vpc, facts: &Facts<'_>) -> Xml {
    let six = vpc.ipv6_cidrs.iter().map(|held| range6_xml(held, ASSOCIATED, facts));
    Xml::new()
        .text("ownerId", facts.account)
        .text("instanceTenancy", "default")
        .list("ipv6CidrBlockAssociationSet", six)
        .list("cidrBlockAssociationSet", vpc.cidrs().iter().map(|held| range_xml(held, ASSOCIATED)))
        .text("isDefault", vpc.is_default)
        .tags(&vpc.tags)
        .text("vpcId", &vpc.id)
        .text("state", "available")
        .text("cidrBlock", vpc.cidr)
        .text("dhcpOptionsId", options_id(vpc))
}
