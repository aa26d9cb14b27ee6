//! `cumulet volume rm`.

use clap::Args;

use crate::context::Context;
use crate::failure::Result;
use crate::resolve;

/// Delete volumes with all that is on them.
#[derive(Debug, Args)]
pub struct Remove {
    /// The volumes: ids or their tags Name
    #[arg(required = true)]
    volumes: Vec<String>,
}

impl Remove {
    pub async fn run(self, context: &Context) -> Result<()> {
        let mut removed = Vec::new();
        for asked in &self.volumes {
            let id = resolve::volume(&context.client, asked).await?.id;
            context.client.delete_volume(&id).await?;
            removed.push(id);
        }
        context.printed_json(&serde_json::json!({ "removed": removed })).map(drop)
    }
}
