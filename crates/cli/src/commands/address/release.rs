//! `cumulet address release`.

use clap::Args;

use crate::context::Context;
use crate::failure::Result;

/// Give addresses back that lead nowhere.
#[derive(Debug, Args)]
pub struct Release {
    /// The addresses: ids, the addresses themselves, or names
    #[arg(required = true)]
    addresses: Vec<String>,
}

impl Release {
    pub async fn run(self, context: &Context) -> Result<()> {
        for asked in &self.addresses {
            let held = super::find(context, asked).await?;
            context.client.release_address(&held.id).await?;
        }
        context.printed_json(&serde_json::json!({ "released": self.addresses })).map(drop)
    }
}
