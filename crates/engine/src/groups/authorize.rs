//! Adding rules to a group.

use std::collections::HashSet;

use cumulet_model::CloudError;
use cumulet_model::security::Rule;
use cumulet_model::tag::check_tags;

use super::check::{check_weights, duplicate};
use crate::api::security::AuthorizeRules;
use crate::cloud::{Cloud, Result, internal, port_failed};
use crate::first_start::new_rule;

impl Cloud {
    /// Adds rules, all or none.
    pub async fn authorize_rules(&self, request: AuthorizeRules) -> Result<Vec<Rule>> {
        let allocation = self.inner.allocation.lock().await;
        check_tags(&request.tags)?;
        let group = self.security_group(&request.group_id).await?;
        if request.rules.is_empty() {
            return Err(CloudError::missing("IpPermissions"));
        }
        self.check_rules(&group, &request.rules).await?;
        let mut known: HashSet<_> = group.rules_of(request.direction).map(|rule| rule.spec.clone()).collect();
        for (spec, _) in &request.rules {
            if !known.insert(spec.clone()) {
                return Err(duplicate(spec));
            }
        }
        check_weights(known.iter(), &self.prefix_lists().await?)?;
        let rules: Vec<_> = request
            .rules
            .into_iter()
            .map(|(spec, description)| {
                new_rule(&group.id, request.direction, spec, description, request.tags.clone())
            })
            .collect();
        self.inner.store.add_rules(&rules).await.map_err(internal)?;
        drop(allocation);
        if let Err(failure) = self.inner.keeper.sync().await {
            // The caller hears of a failure: then the rules must not be there, or a second try finds duplicates.
            let ids: Vec<_> = rules.iter().map(|rule| rule.id.clone()).collect();
            self.inner.store.delete_rules(&ids).await.map_err(internal)?;
            return Err(port_failed(failure));
        }
        Ok(rules)
    }
}
