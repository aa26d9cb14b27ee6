//! `cumulet interface rm`.

use clap::Args;

use crate::context::Context;
use crate::failure::Result;

/// Delete interfaces that are attached to nothing.
#[derive(Debug, Args)]
pub struct Remove {
    /// Their ids
    #[arg(required = true)]
    interfaces: Vec<String>,
}

impl Remove {
    pub async fn run(self, context: &Context) -> Result<()> {
        for id in &self.interfaces {
            context.client.delete_network_interface(id).await?;
        }
        context.printed_json(&serde_json::json!({ "removed": self.interfaces })).map(drop)
    }
}
