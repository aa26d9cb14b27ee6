//! `cumulet terminate`.

use clap::Args;
use cumulet_client::types::instance::InstanceState;

use super::list;
use super::wait::Wait;
use crate::context::Context;
use crate::failure::Result;
use crate::resolve;

/// Terminate instances for good, with their disks.
#[derive(Debug, Args)]
pub struct Terminate {
    /// The instances: ids, beginnings of ids, or names
    #[arg(required = true)]
    instances: Vec<String>,
    #[command(flatten)]
    wait: Wait,
}

impl Terminate {
    pub async fn run(self, context: &Context) -> Result<()> {
        let found = resolve::instances(&context.client, &self.instances).await?;
        let ids: Vec<String> = found.into_iter().map(|instance| instance.id).collect();
        for id in &ids {
            context.client.terminate_instance(id).await?;
        }
        match self.wait.for_instances(context, &ids, InstanceState::Terminated).await? {
            Some(instances) => list::print(context, instances).await,
            None => list::print(context, resolve::instances(&context.client, &ids).await?).await,
        }
    }
}
