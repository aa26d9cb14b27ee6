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
    /// By what they allow; one that is not there is passed over.
    SpecsIfThere(Vec<RuleSpec>),
    /// By id; one that is not there is `InvalidSecurityGroupRuleId.NotFound`.
    Ids(Vec<RuleId>),
}

/// A rule as it shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleChange {
    /// Which one.
    pub id: RuleId,
    /// What it allows from now on.
    pub spec: RuleSpec,
    /// Its description from now on.
    pub description: Option<String>,
}

/// Descriptions of rules that are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateRuleDescriptions {
    /// The group.
    pub group_id: GroupId,
    /// Which way the rules look.
    pub direction: Direction,
    /// The rules with their new descriptions.
    pub rules: DescribedRules,
}

/// How rules to be described are named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DescribedRules {
    /// By what they allow.
    Specs(Vec<(RuleSpec, Option<String>)>),
    /// By id.
    Ids(Vec<(RuleId, Option<String>)>),
}
