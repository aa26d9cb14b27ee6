//! A single rule as DescribeSecurityGroupRules and the authorize and revoke actions show it.

use cumulet_model::security::{Direction, Peer, Rule, SecurityGroup};
use cumulet_model::{ErrorCode, RuleId};

use crate::call::Facts;
use crate::describe::{Ids, Kind, id_form};
use crate::filter::{FilterTable, many, one};
use crate::paging::USUAL;
use crate::xml::Xml;

/// How rules are described.
pub const KIND: Kind<Rule> = Kind {
    ids: Some(Ids {
        parameter: "SecurityGroupRuleId",
        of: |rule| rule.id.to_string(),
        check: id_form::<RuleId>,
        not_found: ErrorCode::InvalidRuleIdNotFound,
        noun: "security group rule ID",
    }),
    filters: &FilterTable {
        names: &[
            ("group-id", |rule, _| one(&rule.group_id)),
            ("security-group-rule-id", |rule, _| one(&rule.id)),
            ("tag", |rule, _| many(rule.tags.iter().map(|(key, value)| format!("{key}={value}")))),
        ],
        absent: &[],
        tags: Some(|rule| &rule.tags),
    },
    page: Some((USUAL, |rule| rule.id.to_string())),
};

/// A rule with its tags; `groups` tells the VPC of the group that it refers to.
pub fn xml(rule: &Rule, groups: &[SecurityGroup], facts: &Facts<'_>) -> Xml {
    let start = Xml::new()
        .text("securityGroupRuleId", &rule.id)
        .text("groupId", &rule.group_id)
        .text("groupOwnerId", facts.account);
    let peer = match &rule.spec.peer {
        Peer::Group(id) => {
            let vpc = groups.iter().find(|group| group.id == *id).map(|group| &group.vpc_id);
            let info = Xml::new().text("groupId", id).text("userId", facts.account).maybe("vpcId", vpc);
            Xml::new().node("referencedGroupInfo", info)
        }
        other => addresses(other),
    };
    start
        .and(traffic(rule))
        .and(peer)
        .maybe("description", rule.description.as_deref())
        .tags(&rule.tags)
        .text("securityGroupRuleArn", facts.arn("security-group-rule", &rule.id))
}

/// A rule as the revoke actions show it.
pub fn revoked_xml(rule: &Rule) -> Xml {
    let peer = match &rule.spec.peer {
        Peer::Group(id) => Xml::new().text("referencedGroupId", id),
        other => addresses(other),
    };
    Xml::new()
        .text("securityGroupRuleId", &rule.id)
        .text("groupId", &rule.group_id)
        .and(traffic(rule))
        .and(peer)
        .maybe("description", rule.description.as_deref())
}

/// A peer that is no group.
fn addresses(peer: &Peer) -> Xml {
    match peer {
        Peer::Cidr(cidr) => Xml::new().text("cidrIpv4", cidr),
        Peer::Cidr6(cidr) => Xml::new().text("cidrIpv6", cidr),
        Peer::PrefixList(id) => Xml::new().text("prefixListId", id),
        Peer::Group(_) => Xml::new(),
    }
}

/// Direction, protocol and ports, which stand as -1 where there are none.
fn traffic(rule: &Rule) -> Xml {
    let (from, to) = rule.spec.traffic.from_to().unwrap_or((-1, -1));
    Xml::new()
        .text("isEgress", rule.direction == Direction::Egress)
        .text("ipProtocol", rule.spec.traffic.protocol())
        .text("fromPort", from)
        .text("toPort", to)
}
