//! `cumulet volume detach`.

use clap::Args;

use crate::commands::wait::Wait;
use crate::context::Context;
use crate::failure::Result;
use crate::resolve;

/// Detach volumes: the guest is asked to let go of them; unmount them there first.
#[derive(Debug, Args)]
pub struct Detach {
    /// The volumes: ids or their tags Name
    #[arg(required = true)]
    volumes: Vec<String>,
    /// Take them away without asking the guest
    #[arg(short, long)]
    force: bool,
    #[command(flatten)]
    wait: Wait,
}

impl Detach {
    pub async fn run(self, context: &Context) -> Result<()> {
        let mut ids = Vec::new();
        for asked in &self.volumes {
            let id = resolve::volume(&context.client, asked).await?.id;
            context.client.detach_volume(&id, self.force).await?;
            ids.push(id);
        }
        let mut volumes = Vec::new();
        for id in &ids {
            volumes.push(super::settle(context, id, "available", &self.wait).await?);
        }
        super::print(context, volumes).await
    }
}
