//! `cumulet key rm`.

use clap::Args;

use crate::context::Context;
use crate::failure::Result;

/// Remove key pairs; instances that have them keep them, and so does ~/.cumulet/keys.
#[derive(Debug, Args)]
pub struct Remove {
    /// Names or ids
    #[arg(required = true)]
    names: Vec<String>,
}

impl Remove {
    pub async fn run(self, context: &Context) -> Result<()> {
        for name in &self.names {
            context.client.delete_key_pair(name).await?;
        }
        context.printed_json(&serde_json::json!({ "removed": self.names })).map(drop)
    }
}
