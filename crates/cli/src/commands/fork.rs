//! `cumulet fork`.

use clap::Args;
use cumulet_client::types::fork::ForkInstance;
use cumulet_client::types::instance::InstanceState;
use cumulet_client::types::run::Launched;

use super::wait::Wait;
use super::{key_value, list};
use crate::context::Context;
use crate::failure::Result;
use crate::resolve;

/// Make instances that begin where a running one is, or a saved machine.
///
/// A fork has the source's memory and disks, copy-on-write, and goes on with the source's programs; its addresses, host
/// name, machine id, ssh host keys, random state and clock are its own. The guest needs cumulet-agent.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cumulet fork web --name web-2
  cumulet fork ci-ready --count 20 --tag role=ci
  cumulet fork --saved ci-ready --count 20")]
pub struct Fork {
    /// The source: its id, the beginning of it, or its name
    #[arg(required_unless_present = "saved")]
    instance: Option<String>,
    /// Begin from this saved machine instead: its id or name
    #[arg(long, value_name = "MACHINE", conflicts_with = "instance")]
    saved: Option<String>,
    /// How many
    #[arg(short, long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// Tag Name of the forks [default: the source's]
    #[arg(short, long)]
    name: Option<String>,
    /// A tag, over the source's; may be given again
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = key_value)]
    tags: Vec<(String, String)>,
    #[command(flatten)]
    wait: Wait,
}

impl Fork {
    pub async fn run(self, context: &Context) -> Result<()> {
        let tags = self.tags.into_iter().collect();
        let mut request = ForkInstance { count: Some(self.count), tags, client_token: None };
        if let Some(name) = self.name {
            request.tags.insert("Name".into(), name);
        }
        let client = &context.client;
        let launched = match (&self.saved, &self.instance) {
            (Some(saved), _) => {
                let saved = resolve::saved_machine(client, saved).await?;
                client.fork_saved_machine(&saved.id, &request).await?
            }
            (None, instance) => {
                let source = resolve::instance(client, instance.as_deref().unwrap_or_default()).await?;
                client.fork_instance(&source.id, &request).await?
            }
        };
        let ids: Vec<String> = launched.instances.iter().map(|instance| instance.id.clone()).collect();
        let waited = self.wait.for_instances(context, &ids, InstanceState::Running).await?;
        let launched = Launched { instances: waited.unwrap_or(launched.instances), ..launched };
        if context.printed_json(&launched)? {
            return Ok(());
        }
        list::print(context, launched.instances).await
    }
}
