//! `cumulet group rm`.

use clap::Args;

use crate::context::Context;
use crate::failure::Result;
use crate::resolve;

/// Remove groups that nothing uses.
#[derive(Debug, Args)]
pub struct Remove {
    /// Names or ids
    #[arg(required = true)]
    groups: Vec<String>,
}

impl Remove {
    pub async fn run(self, context: &Context) -> Result<()> {
        let mut removed = Vec::new();
        for asked in &self.groups {
            let group = resolve::group(&context.client, asked).await?;
            context.client.delete_security_group(&group.id).await?;
            removed.push(group.id);
        }
        context.printed_json(&serde_json::json!({ "removed": removed })).map(drop)
    }
}
