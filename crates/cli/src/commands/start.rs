//! `cumulet start`.

use clap::Args;
use cumulet_client::types::instance::{InstanceState, StartQuery};

use super::list;
use super::wait::Wait;
use crate::context::Context;
use crate::failure::Result;
use crate::resolve;

/// Start stopped instances; each gets a new public address. Hibernated ones go on from their memory.
#[derive(Debug, Args)]
pub struct Start {
    /// The instances: ids, beginnings of ids, or names
    #[arg(required = true)]
    instances: Vec<String>,
    /// Boot hibernated instances from their disks; what their memory held is gone
    #[arg(long)]
    discard_memory: bool,
    #[command(flatten)]
    wait: Wait,
}

impl Start {
    pub async fn run(self, context: &Context) -> Result<()> {
        let found = resolve::instances(&context.client, &self.instances).await?;
        let ids: Vec<String> = found.into_iter().map(|instance| instance.id).collect();
        let how = StartQuery { discard_memory: self.discard_memory };
        for id in &ids {
            context.client.start_instance(id, &how).await?;
        }
        match self.wait.for_instances(context, &ids, InstanceState::Running).await? {
            Some(instances) => list::print(context, instances).await,
            None => list::print(context, resolve::instances(&context.client, &ids).await?).await,
        }
    }
}
