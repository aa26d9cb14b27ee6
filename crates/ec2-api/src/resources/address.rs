//! An elastic address as DescribeAddresses shows it.

use cumulet_model::elastic::{AddressAssociation, ElasticAddress};
use cumulet_model::{AllocationId, ErrorCode};

use crate::call::Facts;
use crate::describe::{Ids, Kind, any_form, id_form};
use crate::filter::{FilterTable, one, opt};
use crate::xml::Xml;

/// The only pool that there is, as EC2 calls its own.
pub const POOL: &str = "amazon";

/// How elastic addresses are described.
pub const KIND: Kind<ElasticAddress> = Kind { ids: Some(IDS), filters: &FILTERS, page: None };

/// How they are selected by id.
pub const IDS: Ids<ElasticAddress> = Ids {
    parameter: "AllocationId",
    of: |address| address.id.to_string(),
    check: id_form::<AllocationId>,
    not_found: ErrorCode::InvalidAllocationIdNotFound,
    noun: "allocation ID",
};

/// How they are selected by themselves.
pub const BY_PUBLIC_IP: Ids<ElasticAddress> = Ids {
    parameter: "PublicIp",
    of: |address| address.public_ip.to_string(),
    check: any_form,
    not_found: ErrorCode::InvalidAddressNotFound,
    noun: "address",
};

const FILTERS: FilterTable<ElasticAddress> = FilterTable {
    names: &[
        ("allocation-id", |a, _| one(&a.id)),
        ("association-id", |a, _| opt(to(a).map(|to| &to.id))),
        ("domain", |_, _| one("vpc")),
        ("instance-id", |a, _| opt(to(a).and_then(|to| to.instance_id.as_ref()))),
        ("network-border-group", |_, f| one(&f.region.name)),
        ("network-interface-id", |a, _| opt(to(a).map(|to| &to.interface_id))),
        ("network-interface-owner-id", |a, f| opt(to(a).map(|_| f.account))),
        ("private-ip-address", |a, _| opt(to(a).map(|to| to.private_ip))),
        ("public-ip", |a, _| one(a.public_ip)),
    ],
    absent: &[],
    tags: Some(|a| &a.tags),
};

fn to(address: &ElasticAddress) -> Option<&AddressAssociation> {
    address.association.as_ref()
}

/// An elastic address with where it leads.
pub fn xml(address: &ElasticAddress, facts: &Facts<'_>) -> Xml {
    let to = to(address);
    Xml::new()
        .text("allocationId", &address.id)
        .maybe("associationId", to.map(|to| &to.id))
        .text("domain", "vpc")
        .maybe("networkInterfaceId", to.map(|to| &to.interface_id))
        .maybe("networkInterfaceOwnerId", to.map(|_| facts.account))
        .maybe("privateIpAddress", to.map(|to| to.private_ip))
        .tags_if_any(&address.tags)
        .text("publicIpv4Pool", POOL)
        .text("networkBorderGroup", &facts.region.name)
        .maybe("instanceId", to.and_then(|to| to.instance_id.as_ref()))
        .text("publicIp", address.public_ip)
}
