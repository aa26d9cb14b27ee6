//! `cumulet subnet rm`.

use clap::Args;

use crate::context::Context;
use crate::failure::Result;

/// Delete subnets that nothing is in.
#[derive(Debug, Args)]
pub struct Remove {
    /// The subnets, by id or name
    #[arg(required = true)]
    subnets: Vec<String>,
}

impl Remove {
    pub async fn run(self, context: &Context) -> Result<()> {
        for asked in &self.subnets {
            let subnet = super::find(context, asked).await?;
            context.client.delete_subnet(&subnet.id).await?;
        }
        context.printed_json(&serde_json::json!({ "removed": self.subnets })).map(drop)
    }
}
