//! A network ACL as DescribeNetworkAcls shows it.

use cumulet_model::acl::{self, DENY_NUMBER, DENY_NUMBER_IPV6, NetworkAcl, NumberedEntry};
use cumulet_model::security::{Direction, Traffic};
use cumulet_model::{ErrorCode, NetworkAclId};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::call::Facts;
use crate::describe::{Ids, Kind, id_form};
use crate::filter::{FilterTable, many, one};
use crate::paging::USUAL;
use crate::xml::Xml;

/// How network ACLs are described.
pub const KIND: Kind<NetworkAcl> = Kind {
    ids: Some(Ids {
        parameter: "NetworkAclId",
        of: |acl| acl.id.to_string(),
        check: id_form::<NetworkAclId>,
        not_found: ErrorCode::InvalidNetworkAclIdNotFound,
        noun: "networkAcl ID",
    }),
    filters: &FILTERS,
    page: Some((USUAL, |acl| acl.id.to_string())),
};

const FILTERS: FilterTable<NetworkAcl> = FilterTable {
    names: &[
        ("association.association-id", |a, _| many(a.associations.iter().map(|held| &held.id))),
        ("association.network-acl-id", |a, _| many(a.associations.iter().map(|_| &a.id))),
        ("association.subnet-id", |a, _| many(a.associations.iter().map(|held| &held.subnet_id))),
        ("default", |a, _| one(a.is_default)),
        ("entry.cidr", |a, _| entries(a, |e| matches!(e.cidr, IpNet::V4(_)).then(|| e.cidr.to_string()))),
        ("entry.egress", |a, _| entries(a, |e| Some((e.direction == Direction::Egress).to_string()))),
        ("entry.icmp.code", |a, _| entries(a, |e| acl::icmp(e.traffic).map(|(_, code)| code.to_string()))),
        ("entry.icmp.type", |a, _| entries(a, |e| acl::icmp(e.traffic).map(|(kind, _)| kind.to_string()))),
        ("entry.ipv6-cidr", |a, _| {
            entries(a, |e| matches!(e.cidr, IpNet::V6(_)).then(|| e.cidr.to_string()))
        }),
        ("entry.port-range.from", |a, _| entries(a, |e| acl::ports(e.traffic).map(|p| p.first.to_string()))),
        ("entry.port-range.to", |a, _| entries(a, |e| acl::ports(e.traffic).map(|p| p.last.to_string()))),
        ("entry.protocol", |a, _| {
            let numbers = entries(a, |e| Some(acl::protocol_number(e.traffic).to_string()));
            many(entries(a, |e| Some(e.traffic.protocol())).into_iter().chain(numbers))
        }),
        ("entry.rule-action", |a, _| entries(a, |e| Some(action(e).to_owned()))),
        ("entry.rule-number", |a, _| entries(a, |e| Some(e.number.to_string()))),
        ("network-acl-id", |a, _| one(&a.id)),
        ("owner-id", |_, f| one(f.account)),
        ("tag", |a, _| many(a.tags.iter().map(|(key, value)| format!("{key}={value}")))),
        ("vpc-id", |a, _| one(&a.vpc_id)),
    ],
    absent: &[],
    tags: Some(|a| &a.tags),
};

fn entries(acl: &NetworkAcl, look: fn(&NumberedEntry) -> Option<String>) -> Vec<String> {
    shown(acl).iter().filter_map(look).collect()
}

fn action(entry: &NumberedEntry) -> &'static str {
    if entry.allow { "allow" } else { "deny" }
}

/// Its entries with those that deny the rest: of IPv4, and of IPv6 where it has any entry for that.
fn shown(acl: &NetworkAcl) -> Vec<NumberedEntry> {
    let ipv6 = acl.entries.iter().any(|entry| matches!(entry.cidr, IpNet::V6(_)));
    let mut all = Vec::new();
    for direction in [Direction::Egress, Direction::Ingress] {
        all.extend(acl.entries_of(direction).cloned());
        let mut deny = |number, cidr| {
            all.push(NumberedEntry { direction, number, allow: false, traffic: Traffic::All, cidr });
        };
        deny(DENY_NUMBER, IpNet::V4(Ipv4Net::default()));
        if ipv6 {
            deny(DENY_NUMBER_IPV6, IpNet::V6(Ipv6Net::default()));
        }
    }
    all
}

/// An ACL with its entries and associations.
pub fn xml(acl: &NetworkAcl, facts: &Facts<'_>) -> Xml {
    let associations = acl.associations.iter().map(|held| {
        Xml::new()
            .text("networkAclAssociationId", &held.id)
            .text("networkAclId", &acl.id)
            .text("subnetId", &held.subnet_id)
    });
    Xml::new()
        .list("associationSet", associations)
        .list("entrySet", shown(acl).iter().map(entry))
        .text("default", acl.is_default)
        .text("networkAclId", &acl.id)
        .tags(&acl.tags)
        .text("vpcId", &acl.vpc_id)
        .text("ownerId", facts.account)
}

fn entry(entry: &NumberedEntry) -> Xml {
    let (ipv4, ipv6) = match entry.cidr {
        IpNet::V4(cidr) => (Some(cidr), None),
        IpNet::V6(cidr) => (None, Some(cidr)),
    };
    let icmp = acl::icmp(entry.traffic).map(|(kind, code)| Xml::new().text("code", code).text("type", kind));
    let ports = acl::ports(entry.traffic).map(|p| Xml::new().text("from", p.first).text("to", p.last));
    Xml::new()
        .maybe("cidrBlock", ipv4)
        .text("egress", entry.direction == Direction::Egress)
        .maybe_node("icmpTypeCode", icmp)
        .maybe("ipv6CidrBlock", ipv6)
        .maybe_node("portRange", ports)
        .text("protocol", acl::protocol_number(entry.traffic))
        .text("ruleAction", action(entry))
        .text("ruleNumber", entry.number)
}
