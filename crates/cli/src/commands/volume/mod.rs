//! `cumulet volume …`.

mod attach;
mod create;
mod detach;
mod list;
mod remove;
mod resize;

use clap::Subcommand;
use cumulet_client::Patience;
use cumulet_client::types::instance::{Instance, InstanceQuery};
use cumulet_client::types::volume::{Volume as Item, VolumeList};
use jiff::Timestamp;

use super::wait::Wait;
use crate::context::Context;
use crate::failure::Result;
use crate::output::{Colour, Progress, Table, age, or_dash};

/// Volumes: disks with a life of their own.
#[derive(Debug, Subcommand)]
pub enum Volume {
    /// List volumes
    Ls(list::List),
    /// Make a volume
    Create(create::Create),
    /// Attach a volume to an instance, running or stopped
    Attach(attach::Attach),
    /// Detach volumes: the guest is asked to let go of them
    Detach(detach::Detach),
    /// Grow a volume, also while a guest uses it, or give it another type
    Resize(resize::Resize),
    /// Delete volumes with all that is on them
    Rm(remove::Remove),
}

impl Volume {
    pub async fn run(self, context: &Context) -> Result<()> {
        match self {
            Self::Ls(command) => command.run(context).await,
            Self::Create(command) => command.run(context).await,
            Self::Attach(command) => command.run(context).await,
            Self::Detach(command) => command.run(context).await,
            Self::Resize(command) => command.run(context).await,
            Self::Rm(command) => command.run(context).await,
        }
    }
}

/// Waits until a volume is in `goal` and prints it; without waiting, prints it as it is.
async fn settle(context: &Context, id: &str, goal: &str, wait: &Wait) -> Result<Item> {
    if wait.no_wait {
        return Ok(context.client.volume(id).await?.volume);
    }
    let mut progress = Progress::new(context.json);
    let mut tell = |what: &str, _| progress.tell(what);
    Ok(context.client.wait_for_volume(id, goal, wait.patience(), &mut tell).await?)
}

/// As [`settle`], for the end of a modification.
async fn settle_modification(context: &Context, id: &str, patience: Patience) -> Result<Item> {
    let mut progress = Progress::new(context.json);
    let mut tell = |what: &str, _| progress.tell(what);
    Ok(context.client.wait_for_modification(id, patience, &mut tell).await?)
}

/// Prints volumes as a table, or as JSON where that was asked for.
async fn print(context: &Context, volumes: Vec<Item>) -> Result<()> {
    let list = VolumeList { volumes };
    if context.printed_json(&list)? {
        return Ok(());
    }
    let instances = context.client.instances(&InstanceQuery::default()).await?;
    let headings = ["ID", "NAME", "SIZE", "TYPE", "STATE", "INSTANCE", "DEVICE", "ZONE", "AGE"];
    let mut table = Table::new(context.paint, &headings);
    let now = Timestamp::now();
    for volume in &list.volumes {
        let attachment = volume.attachment.as_ref();
        table
            .row()
            .cell(&volume.id)
            .cell(or_dash(volume.tags.get("Name").map(String::as_str)))
            .cell(format!("{} GiB", volume.size_gib))
            .cell(&volume.volume_type)
            .coloured(colour(volume), state(volume))
            .cell(or_dash(attachment.map(|held| holder(&instances, &held.instance_id))))
            .cell(or_dash(attachment.map(|held| held.device_name.as_str())))
            .cell(&volume.zone)
            .cell(age(volume.created, now));
    }
    table.print()
}

/// An instance by its name if it has one.
fn holder<'a>(instances: &'a [Instance], id: &'a str) -> &'a str {
    instances.iter().find(|instance| instance.id == id).and_then(Instance::name).unwrap_or(id)
}

/// The state in a word: what is on its way says more than `in-use`.
fn state(volume: &Item) -> &str {
    let on_its_way = volume.attachment.as_ref().map(|held| held.state.as_str());
    on_its_way.filter(|state| *state != "attached").unwrap_or(&volume.state)
}

fn colour(volume: &Item) -> Colour {
    match state(volume) {
        "in-use" | "available" => Colour::Green,
        "error" => Colour::Red,
        _ => Colour::Yellow,
    }
}
