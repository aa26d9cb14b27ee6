//! Requests about security groups.

use cumulet_model::security::{Direction, RuleSpec};
use cumulet_model::{GroupId, RuleId, Tags, VpcId};

/// A security group to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateSecurityGroup {
    /// Name, unique in the VPC: up to 255 characters of EC2's set, not beginning with `sg-`, not `default`.
    pub name: String,
    /// Free text, up to 255 characters of EC2's set.
    pub description: String,
    /// The VPC; the default one when not given.
    pub vpc_id: Option<VpcId>,
    /// Tags.
    pub tags: Tags,
}

/// Rules to be added to a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizeRules {
    /// The group.
    pub group_id: GroupId,
    /// Which way they look.
    pub direction: Direction,
    /// Rules with their descriptions.
    pub rules: Vec<(RuleSpec, Option<String>)>,
    /// Tags of the rules.
    pub tags: Tags,
}

/// Rules to be removed from a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokeRules {
    /// The group.
    pub group_id: GroupId,
    /// Which way they look.
    pub direction: Direction,
    /// Which ones.
    pub which: Revoked,
}

/// How rules to be removed are named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revoked {
    /// By what they allow; one that is not there is `InvalidPermission.NotFound`.
    Specs(Vec<RuleSpec>),
    /// By id; one that is not there is `InvalidSecurityGroupRuleId.NotFound`.
    Ids(Vec<RuleId>),
}
