//! A security group as DescribeSecurityGroups shows it.

use cumulet_model::security::{Direction, Peer, Rule, SecurityGroup};
use cumulet_model::{ErrorCode, GroupId};

use super::permission;
use crate::call::Facts;
use crate::describe::{Ids, Kind, id_form};
use crate::filter::{FilterTable, many, one};
use crate::paging::USUAL;
use crate::xml::Xml;

/// How groups are described.
pub const KIND: Kind<SecurityGroup> = Kind {
    ids: Some(Ids {
        parameter: "GroupId",
        of: |group| group.id.to_string(),
        check: id_form::<GroupId>,
        not_found: ErrorCode::InvalidGroupNotFound,
        noun: "security group",
    }),
    filters: &FILTERS,
    page: Some((USUAL, |group| group.id.to_string())),
};

const FILTERS: FilterTable<SecurityGroup> = FilterTable {
    names: &[
        ("description", |g, _| one(&g.description)),
        ("egress.ip-permission.cidr", |g, _| cidrs(g, Direction::Egress)),
        ("egress.ip-permission.from-port", |g, _| ports(g, Direction::Egress, |(from, _)| from)),
        ("egress.ip-permission.group-id", |g, _| groups(g, Direction::Egress)),
        ("egress.ip-permission.ipv6-cidr", |g, _| cidrs6(g, Direction::Egress)),
        ("egress.ip-permission.prefix-list-id", |g, _| lists(g, Direction::Egress)),
        ("egress.ip-permission.protocol", |g, _| protocols(g, Direction::Egress)),
        ("egress.ip-permission.to-port", |g, _| ports(g, Direction::Egress, |(_, to)| to)),
        ("egress.ip-permission.user-id", |g, f| many(groups(g, Direction::Egress).iter().map(|_| f.account))),
        ("group-id", |g, _| one(&g.id)),
        ("group-name", |g, _| one(&g.name)),
        ("ip-permission.cidr", |g, _| cidrs(g, Direction::Ingress)),
        ("ip-permission.from-port", |g, _| ports(g, Direction::Ingress, |(from, _)| from)),
        ("ip-permission.group-id", |g, _| groups(g, Direction::Ingress)),
        ("ip-permission.ipv6-cidr", |g, _| cidrs6(g, Direction::Ingress)),
        ("ip-permission.prefix-list-id", |g, _| lists(g, Direction::Ingress)),
        ("ip-permission.protocol", |g, _| protocols(g, Direction::Ingress)),
        ("ip-permission.to-port", |g, _| ports(g, Direction::Ingress, |(_, to)| to)),
        ("ip-permission.user-id", |g, f| many(groups(g, Direction::Ingress).iter().map(|_| f.account))),
        ("owner-id", |_, f| one(f.account)),
        ("vpc-id", |g, _| one(&g.vpc_id)),
    ],
    absent: &["egress.ip-permission.group-name", "ip-permission.group-name"],
    tags: Some(|g| &g.tags),
};

fn cidrs(group: &SecurityGroup, direction: Direction) -> Vec<String> {
    many(group.rules_of(direction).filter_map(|rule| match &rule.spec.peer {
        Peer::Cidr(cidr) => Some(cidr),
        _ => None,
    }))
}

fn cidrs6(group: &SecurityGroup, direction: Direction) -> Vec<String> {
    many(group.rules_of(direction).filter_map(|rule| match &rule.spec.peer {
        Peer::Cidr6(cidr) => Some(cidr),
        _ => None,
    }))
}

fn lists(group: &SecurityGroup, direction: Direction) -> Vec<String> {
    many(group.rules_of(direction).filter_map(|rule| match &rule.spec.peer {
        Peer::PrefixList(id) => Some(id),
        _ => None,
    }))
}

fn groups(group: &SecurityGroup, direction: Direction) -> Vec<String> {
    many(group.rules_of(direction).filter_map(|rule| match &rule.spec.peer {
        Peer::Group(id) => Some(id),
        _ => None,
    }))
}

fn ports(group: &SecurityGroup, direction: Direction, end: fn((i32, i32)) -> i32) -> Vec<String> {
    many(group.rules_of(direction).filter_map(|rule| rule.spec.traffic.from_to()).map(end))
}

fn protocols(group: &SecurityGroup, direction: Direction) -> Vec<String> {
    many(group.rules_of(direction).map(|rule| rule.spec.traffic.protocol()))
}

/// A group's fields.
pub fn xml(group: &SecurityGroup, facts: &Facts<'_>) -> Xml {
    let permissions = |direction| {
        let rules: Vec<&Rule> = group.rules_of(direction).collect();
        permission::grouped(&rules, facts)
    };
    Xml::new()
        .text("groupId", &group.id)
        .list("ipPermissionsEgress", permissions(Direction::Egress))
        .tags_if_any(&group.tags)
        .text("vpcId", &group.vpc_id)
        .text("securityGroupArn", facts.arn("security-group", &group.id))
        .text("ownerId", facts.account)
        .text("groupName", &group.name)
        .text("groupDescription", &group.description)
        .list("ipPermissions", permissions(Direction::Ingress))
}
