//! A subnet as DescribeSubnets shows it.

use cumulet_model::network::{Subnet, SubnetRange};
use cumulet_model::{ErrorCode, SubnetId};

use super::vpc::ASSOCIATED;
use crate::call::Facts;
use crate::describe::{Ids, Kind, id_form};
use crate::filter::{FilterTable, many, one, opt};
use crate::paging::USUAL;
use crate::xml::Xml;

/// How subnets are described.
pub const KIND: Kind<Subnet> = Kind {
    ids: Some(Ids {
        parameter: "SubnetId",
        of: |subnet| subnet.id.to_string(),
        check: id_form::<SubnetId>,
        not_found: ErrorCode::InvalidSubnetIdNotFound,
        noun: "subnet ID",
    }),
    filters: &FilterTable {
        names: &[
            ("availability-zone", |s, _| one(&s.zone)),
            ("availability-zone-id", |s, facts| opt(facts.zone_id(&s.zone))),
            ("available-ip-address-count", |s, _| one(s.available_addresses)),
            ("cidr-block", |s, _| one(s.cidr)),
            ("default-for-az", |s, _| one(s.default_for_zone)),
            ("enable-dns64", |_, _| one(false)),
            ("ipv6-cidr-block-association.association-id", |s, _| opt(s.ipv6.as_ref().map(|held| &held.id))),
            ("ipv6-cidr-block-association.ipv6-cidr-block", |s, _| {
                opt(s.ipv6.as_ref().map(|held| held.cidr))
            }),
            ("ipv6-cidr-block-association.state", |s, _| opt(s.ipv6.as_ref().map(|_| ASSOCIATED))),
            ("ipv6-native", |_, _| one(false)),
            ("map-customer-owned-ip-on-launch", |_, _| one(false)),
            ("map-public-ip-on-launch", |s, _| one(s.map_public_ip_on_launch)),
            ("owner-id", |_, facts| one(facts.account)),
            ("private-dns-name-options-on-launch.enable-resource-name-dns-a-record", |_, _| one(false)),
            ("private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record", |_, _| one(false)),
            ("private-dns-name-options-on-launch.hostname-type", |_, _| one("ip-name")),
            ("state", |_, _| one("available")),
            ("subnet-arn", |s, facts| one(facts.arn("subnet", &s.id))),
            ("subnet-id", |s, _| one(&s.id)),
            ("tag", |s, _| many(s.tags.iter().map(|(key, value)| format!("{key}={value}")))),
            ("vpc-id", |s, _| one(&s.vpc_id)),
            // Names that EC2 takes as well.
            ("availabilityZone", |s, _| one(&s.zone)),
            ("cidr", |s, _| one(s.cidr)),
            ("cidrBlock", |s, _| one(s.cidr)),
            ("defaultForAz", |s, _| one(s.default_for_zone)),
        ],
        absent: &["customer-owned-ipv4-pool", "enable-lni-at-device-index", "outpost-arn"],
        tags: Some(|s| &s.tags),
    },
    page: Some((USUAL, |subnet| subnet.id.to_string())),
};

/// The association of an IPv6 range.
pub fn range_xml(held: &SubnetRange, state: &str) -> Xml {
    Xml::new()
        .text("associationId", &held.id)
        .text("ipv6CidrBlock", held.cidr)
        .node("ipv6CidrBlockState", Xml::new().text("state", state))
        .text("ipv6AddressAttribute", "public")
        .text("ipSource", "amazon")
}

/// A subnet's fields.
pub fn xml(subnet: &Subnet, facts: &Facts<'_>) -> Xml {
    let names = Xml::new()
        .text("hostnameType", "ip-name")
        .text("enableResourceNameDnsARecord", false)
        .text("enableResourceNameDnsAAAARecord", false);
    Xml::new()
        .maybe("availabilityZoneId", facts.zone_id(&subnet.zone))
        .text("mapCustomerOwnedIpOnLaunch", false)
        .text("ownerId", facts.account)
        .text("assignIpv6AddressOnCreation", subnet.assign_ipv6_on_creation)
        .list("ipv6CidrBlockAssociationSet", subnet.ipv6.iter().map(|held| range_xml(held, ASSOCIATED)))
        .tags(&subnet.tags)
        .text("subnetArn", facts.arn("subnet", &subnet.id))
        .text("enableDns64", false)
        .text("ipv6Native", false)
        .node("privateDnsNameOptionsOnLaunch", names)
        .text("subnetId", &subnet.id)
        .text("state", "available")
        .text("vpcId", &subnet.vpc_id)
        .text("cidrBlock", subnet.cidr)
        .text("availableIpAddressCount", subnet.available_addresses)
        .text("availabilityZone", &subnet.zone)
        .text("defaultForAz", subnet.default_for_zone)
        .text("mapPublicIpOnLaunch", subnet.map_public_ip_on_launch)
}
