//! Removing rules from a group.

use std::collections::HashSet;

use cumulet_model::security::Rule;
use cumulet_model::{CloudError, ErrorCode, RuleId};

use crate::api::security::{RevokeRules, Revoked};
use crate::cloud::{Cloud, Result, internal, port_failed};

impl Cloud {
    /// Removes rules, all or none, and gives what they were.
    pub async fn revoke_rules(&self, request: RevokeRules) -> Result<Vec<Rule>> {
        let allocation = self.inner.allocation.lock().await;
        let group = self.security_group(&request.group_id).await?;
        let rules: Vec<Rule> = match &request.which {
            Revoked::SpecsIfThere(specs) => {
                group.rules_of(request.direction).filter(|rule| specs.contains(&rule.spec)).cloned().collect()
            }
            Revoked::Specs(specs) => specs
                .iter()
                .map(|spec| {
                    group.rules_of(request.direction).find(|rule| rule.spec == *spec).cloned().ok_or_else(
                        || {
                            CloudError::new(
                                ErrorCode::InvalidPermissionNotFound,
                                "The specified rule does not exist in this security group.",
                            )
                        },
                    )
                })
                .collect::<Result<_>>()?,
            Revoked::Ids(ids) => ids
                .iter()
                .map(|id| {
                    group.rules_of(request.direction).find(|rule| rule.id == *id).cloned().ok_or_else(|| {
                        CloudError::not_found(ErrorCode::InvalidRuleIdNotFound, "security group rule ID", id)
                    })
                })
                .collect::<Result<_>>()?,
        };
        let ids: HashSet<RuleId> = rules.iter().map(|rule| rule.id.clone()).collect();
        self.inner.store.delete_rules(&ids.into_iter().collect::<Vec<_>>()).await.map_err(internal)?;
        drop(allocation);
        self.inner.keeper.sync().await.map_err(port_failed)?;
        Ok(rules)
    }
}
