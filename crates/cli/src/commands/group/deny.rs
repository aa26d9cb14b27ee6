//! `cumulet group deny`.

use clap::Args;
use cumulet_client::types::security_group::{RevokeRules, SecurityGroup};

use super::{RULE_HELP, change, show};
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::resolve;

/// Remove rules, written as `cumulet group show` shows them, or by their ids.
#[derive(Debug, Args)]
#[command(after_help = RULE_HELP)]
pub struct Deny {
    /// The group, by name or id
    group: String,
    /// Rules, as in tcp:22 from anywhere, or ids (sgr-…)
    #[arg(required = true, value_name = "RULE")]
    rules: Vec<String>,
}

impl Deny {
    pub async fn run(self, context: &Context) -> Result<()> {
        let group = resolve::group(&context.client, &self.group).await?;
        let requests = if self.rules.iter().all(|word| word.starts_with("sgr-")) {
            by_id(&group, self.rules)?
        } else {
            let specs = change::specs(context, &group, &self.rules, None).await?;
            let request = |(direction, rules)| RevokeRules { direction, rules, rule_ids: Vec::new() };
            specs.into_iter().map(request).collect()
        };
        for request in requests {
            context.client.revoke_rules(&group.id, &request).await?;
        }
        show::print(context, &group.id).await
    }
}

/// Requests that name rules by id, each in the direction that its rule has.
fn by_id(group: &SecurityGroup, ids: Vec<String>) -> Result<Vec<RevokeRules>> {
    ids.into_iter()
        .map(|id| {
            let rule = group.rules.iter().find(|rule| rule.id == id);
            let rule = rule.ok_or_else(|| Failure::NotFound(format!("{} has no rule {id}", group.name)))?;
            Ok(RevokeRules { direction: rule.direction, rules: Vec::new(), rule_ids: vec![id] })
        })
        .collect()
}
