//! `cumulet group allow`.

use clap::Args;
use cumulet_client::types::security_group::AuthorizeRules;

use super::{RULE_HELP, change, show};
use crate::context::Context;
use crate::failure::Result;
use crate::resolve;

/// Add rules; they hold at once, for running instances too.
#[derive(Debug, Args)]
#[command(after_help = RULE_HELP)]
pub struct Allow {
    /// The group, by name or id
    group: String,
    /// Rules, as in tcp:22 from anywhere
    #[arg(required = true, value_name = "RULE")]
    rules: Vec<String>,
    /// What they are for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
}

impl Allow {
    pub async fn run(self, context: &Context) -> Result<()> {
        let group = resolve::group(&context.client, &self.group).await?;
        let specs = change::specs(context, &group, &self.rules, self.description.as_deref()).await?;
        for (direction, rules) in specs {
            context.client.authorize_rules(&group.id, &AuthorizeRules { direction, rules }).await?;
        }
        show::print(context, &group.id).await
    }
}
