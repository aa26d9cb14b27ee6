//! `cumulet flow-log rm`.

use clap::Args;

use crate::context::Context;
use crate::failure::Result;
use crate::resolve;

/// Delete flow logs; their files stay for their time.
#[derive(Debug, Args)]
pub struct Remove {
    /// Ids of flow logs, or their tags Name
    #[arg(required = true)]
    logs: Vec<String>,
}

impl Remove {
    pub async fn run(self, context: &Context) -> Result<()> {
        let mut removed = Vec::new();
        for asked in &self.logs {
            let found = resolve::flow_log(&context.client, asked).await?;
            context.client.delete_flow_log(&found.id).await?;
            removed.push(found.id);
        }
        context.printed_json(&serde_json::json!({ "removed": removed })).map(drop)
    }
}
