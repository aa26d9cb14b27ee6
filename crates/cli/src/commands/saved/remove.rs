//! `cumulet saved rm`.

use clap::Args;

use crate::context::Context;
use crate::failure::Result;
use crate::resolve;

/// Remove saved machines; instances that began from them go on.
#[derive(Debug, Args)]
pub struct Remove {
    /// Ids or names
    #[arg(required = true)]
    machines: Vec<String>,
}

impl Remove {
    pub async fn run(self, context: &Context) -> Result<()> {
        let mut removed = Vec::new();
        for asked in &self.machines {
            let found = resolve::saved_machine(&context.client, asked).await?;
            context.client.delete_saved_machine(&found.id).await?;
            removed.push(found.id);
        }
        context.printed_json(&serde_json::json!({ "removed": removed })).map(drop)
    }
}
