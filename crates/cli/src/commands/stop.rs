//! `cumulet stop`.

use clap::Args;
use cumulet_client::types::instance::{InstanceState, StopQuery};

use super::list;
use super::wait::Wait;
use crate::context::Context;
use crate::failure::Result;
use crate::resolve;

/// Stop instances; they keep their disks and private addresses.
#[derive(Debug, Args)]
pub struct Stop {
    /// The instances: ids, beginnings of ids, or names
    #[arg(required = true)]
    instances: Vec<String>,
    /// Cut the power instead of asking the guest
    #[arg(short, long)]
    force: bool,
    /// Keep their memory: their programs go on where they were at the next start. They must have been launched with
    /// --hibernation
    #[arg(long, conflicts_with = "force")]
    hibernate: bool,
    #[command(flatten)]
    wait: Wait,
}

impl Stop {
    pub async fn run(self, context: &Context) -> Result<()> {
        let found = resolve::instances(&context.client, &self.instances).await?;
        let ids: Vec<String> = found.into_iter().map(|instance| instance.id).collect();
        let how = StopQuery { force: self.force, hibernate: self.hibernate };
        for id in &ids {
            context.client.stop_instance(id, &how).await?;
        }
        match self.wait.for_instances(context, &ids, InstanceState::Stopped).await? {
            Some(instances) => list::print(context, instances).await,
            None => list::print(context, resolve::instances(&context.client, &ids).await?).await,
        }
    }
}
