//! Changing rules that are there: what they allow, and their descriptions.

use std::collections::HashSet;

use cumulet_model::security::{Direction, Rule, RuleSpec, SecurityGroup};
use cumulet_model::{CloudError, ErrorCode, GroupId, RuleId};

use super::check::{check_description, check_weights, duplicate};
use crate::api::security::{DescribedRules, RuleChange, UpdateRuleDescriptions};
use crate::cloud::{Cloud, Result, internal, port_failed};

impl Cloud {
    /// Changes what rules of a group allow, and their descriptions, all or none. A rule keeps its id and its direction.
    pub async fn modify_rules(&self, group: &GroupId, changes: Vec<RuleChange>) -> Result<()> {
        let allocation = self.inner.allocation.lock().await;
        let group = self.security_group(group).await?;
        if changes.is_empty() {
            return Err(CloudError::missing("SecurityGroupRule"));
        }
        let asked: Vec<_> = changes.iter().map(|c| (c.spec.clone(), c.description.clone())).collect();
        self.check_rules(&group, &asked).await?;
        let mut after = group.rules.clone();
        let mut seen = HashSet::new();
        for change in changes {
            if !seen.insert(change.id.clone()) {
                let text = format!("The rule '{}' is given more than once", change.id);
                return Err(CloudError::invalid_value(text));
            }
            let rule =
                after.iter_mut().find(|rule| rule.id == change.id).ok_or_else(|| no_rule(&change.id))?;
            (rule.spec, rule.description) = (change.spec, change.description);
        }
        let lists = self.prefix_lists().await?;
        for direction in [Direction::Ingress, Direction::Egress] {
            let rules = || after.iter().filter(move |rule| rule.direction == direction);
            let mut specs = HashSet::new();
            if let Some(twice) = rules().find(|rule| !specs.insert(&rule.spec)) {
                return Err(duplicate(&twice.spec));
            }
            check_weights(rules().map(|rule| &rule.spec), &lists)?;
        }
        let changed: Vec<Rule> = after.into_iter().filter(|rule| seen.contains(&rule.id)).collect();
        let before: Vec<Rule> = group.rules.into_iter().filter(|rule| seen.contains(&rule.id)).collect();
        self.inner.store.update_rules(&changed).await.map_err(internal)?;
        drop(allocation);
        if let Err(failure) = self.inner.keeper.sync().await {
            self.inner.store.update_rules(&before).await.map_err(internal)?;
            return Err(port_failed(failure));
        }
        Ok(())
    }

    /// Replaces the descriptions of rules of a group, all or none; no description removes it.
    pub async fn update_rule_descriptions(&self, request: UpdateRuleDescriptions) -> Result<()> {
        let _allocation = self.inner.allocation.lock().await;
        let group = self.security_group(&request.group_id).await?;
        let mut descriptions: Vec<(RuleId, Option<String>)> = Vec::new();
        match request.rules {
            DescribedRules::Specs(rules) => {
                for (spec, description) in rules {
                    let rule = by_spec(&group, request.direction, &spec)?;
                    descriptions.push((rule.id.clone(), description));
                }
            }
            DescribedRules::Ids(rules) => {
                for (id, description) in rules {
                    let mut known = group.rules_of(request.direction);
                    known.find(|rule| rule.id == id).ok_or_else(|| no_rule(&id))?;
                    descriptions.push((id, description));
                }
            }
        }
        if descriptions.is_empty() {
            return Err(CloudError::missing("IpPermissions"));
        }
        descriptions.iter().try_for_each(|(_, text)| check_description(text.as_deref()))?;
        self.inner.store.describe_rules(&descriptions).await.map_err(internal)
    }
}

fn by_spec<'a>(group: &'a SecurityGroup, direction: Direction, spec: &RuleSpec) -> Result<&'a Rule> {
    group.rules_of(direction).find(|rule| rule.spec == *spec).ok_or_else(|| {
        CloudError::new(
            ErrorCode::InvalidPermissionNotFound,
            "The specified rule does not exist in this security group.",
        )
    })
}

fn no_rule(id: &RuleId) -> CloudError {
    CloudError::not_found(ErrorCode::InvalidRuleIdNotFound, "security group rule ID", id)
}
