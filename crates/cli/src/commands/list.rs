//! `cumulet ls`.

use clap::Args;
use cumulet_client::types::image::ImageQuery;
use cumulet_client::types::instance::{Instance, InstanceList, InstanceQuery, InstanceState};
use jiff::Timestamp;

use crate::context::Context;
use crate::failure::Result;
use crate::output::{Table, age, or_dash, say};

/// List instances; terminated ones only with --all.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cumulet ls
  cumulet ls --state running --tag role=web
  cumulet terminate $(cumulet ls -q --tag ci)")]
pub struct List {
    /// Terminated ones too
    #[arg(short, long)]
    all: bool,
    /// Only those in these states, as in running,pending
    #[arg(long, value_name = "STATES")]
    state: Option<String>,
    /// Only those with this tag
    #[arg(long, value_name = "KEY[=VALUE]")]
    tag: Option<String>,
    /// Print ids and nothing else
    #[arg(short, long)]
    quiet: bool,
}

impl List {
    pub async fn run(self, context: &Context) -> Result<()> {
        let hide_terminated = !self.all && self.state.is_none();
        let query = InstanceQuery { state: self.state, tag: self.tag, ..InstanceQuery::default() };
        let mut instances = context.client.instances(&query).await?;
        if hide_terminated {
            instances.retain(|instance| instance.state != InstanceState::Terminated);
        }
        if self.quiet {
            return instances.iter().try_for_each(|instance| say!("{}", instance.id));
        }
        print(context, instances).await
    }
}

/// Prints instances as a table, or as JSON where that was asked for.
pub async fn print(context: &Context, instances: Vec<Instance>) -> Result<()> {
    let list = InstanceList { instances };
    if context.printed_json(&list)? {
        return Ok(());
    }
    let images = context.client.images(&ImageQuery::default()).await?;
    let headings = ["ID", "NAME", "STATE", "TYPE", "PUBLIC IP", "PRIVATE IP", "IMAGE", "KEY", "AGE"];
    let mut table = Table::new(context.paint, &headings);
    let now = Timestamp::now();
    for instance in &list.instances {
        let image = images.iter().find(|image| image.id == instance.image_id);
        table
            .row()
            .cell(&instance.id)
            .cell(or_dash(instance.name()))
            .coloured(instance.state.into(), instance.state.as_str())
            .cell(&instance.instance_type)
            .cell(or_dash(instance.public_ip.as_deref()))
            .cell(or_dash(instance.private_ip.as_deref()))
            .cell(image.map_or(instance.image_id.as_str(), |image| &image.name))
            .cell(or_dash(instance.key_name.as_deref()))
            .cell(age(instance.launch_time, now));
    }
    table.print()
}
