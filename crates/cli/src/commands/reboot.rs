//! `cumulet reboot`.

use clap::Args;

use crate::context::Context;
use crate::failure::Result;
use crate::output::say;
use crate::resolve;

/// Reboot instances: they keep addresses and disks, and count as running all the time.
#[derive(Debug, Args)]
pub struct Reboot {
    /// The instances: ids, beginnings of ids, or names
    #[arg(required = true)]
    instances: Vec<String>,
}

impl Reboot {
    pub async fn run(self, context: &Context) -> Result<()> {
        let found = resolve::instances(&context.client, &self.instances).await?;
        for instance in &found {
            context.client.reboot_instance(&instance.id).await?;
            if !context.json {
                say!("{} reboots", instance.id)?;
            }
        }
        let ids: Vec<_> = found.iter().map(|instance| &instance.id).collect();
        context.printed_json(&serde_json::json!({ "rebooting": ids })).map(drop)
    }
}
