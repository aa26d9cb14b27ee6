//! A security group as GetSecurityGroupsForVpc shows it.

use cumulet_model::security::SecurityGroup;

use crate::call::Facts;
use crate::describe::Kind;
use crate::filter::{FilterTable, one};
use crate::paging::USUAL;
use crate::xml::Xml;

/// How groups are got for a VPC.
pub const KIND: Kind<SecurityGroup> = Kind {
    ids: None,
    filters: &FilterTable {
        names: &[
            ("description", |g, _| one(&g.description)),
            ("group-id", |g, _| one(&g.id)),
            ("group-name", |g, _| one(&g.name)),
            ("owner-id", |_, f| one(f.account)),
            ("primary-vpc-id", |g, _| one(&g.vpc_id)),
        ],
        absent: &[],
        tags: Some(|g| &g.tags),
    },
    page: Some((USUAL, |group| group.id.to_string())),
};

/// A group without its rules.
pub fn xml(group: &SecurityGroup, facts: &Facts<'_>) -> Xml {
    Xml::new()
        .text("description", &group.description)
        .text("groupName", &group.name)
        .text("ownerId", facts.account)
        .text("groupId", &group.id)
        .tags(&group.tags)
        .text("primaryVpcId", &group.vpc_id)
}
