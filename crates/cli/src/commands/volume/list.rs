//! `cumulet volume ls`.

use clap::Args;

use crate::context::Context;
use crate::failure::Result;
use crate::output::say;
use crate::resolve;

/// List volumes.
#[derive(Debug, Args)]
pub struct List {
    /// Only those of this instance
    #[arg(long, value_name = "INSTANCE")]
    of: Option<String>,
    /// Only those that are attached to nothing
    #[arg(long, conflicts_with = "of")]
    available: bool,
    /// Print ids and nothing else
    #[arg(short, long)]
    quiet: bool,
}

impl List {
    pub async fn run(self, context: &Context) -> Result<()> {
        let mut volumes = context.client.volumes().await?;
        if let Some(of) = &self.of {
            let id = resolve::instance(&context.client, of).await?.id;
            volumes.retain(|volume| volume.attachment.as_ref().is_some_and(|held| held.instance_id == id));
        }
        if self.available {
            volumes.retain(|volume| volume.state == "available");
        }
        if self.quiet {
            return volumes.iter().try_for_each(|volume| say!("{}", volume.id));
        }
        super::print(context, volumes).await
    }
}
