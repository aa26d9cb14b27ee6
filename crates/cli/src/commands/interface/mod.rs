//! `cumulet interface …`.

mod attach;
mod create;
mod detach;
mod list;
mod modify;
mod remove;

use clap::Subcommand;
use cumulet_client::types::network::{NetworkInterface, NetworkInterfaceList};

use super::wait::Wait;
use crate::context::Context;
use crate::failure::Result;
use crate::output::{Colour, Progress, Table, or_dash};

/// Network interfaces.
#[derive(Debug, Subcommand)]
pub enum Interface {
    /// List interfaces
    Ls(list::List),
    /// Make an interface
    Create(create::Create),
    /// Attach an interface to an instance, running or stopped
    Attach(attach::Attach),
    /// Detach interfaces: the guest is asked to let go of them
    Detach(detach::Detach),
    /// Change an interface: its groups, its description, its source/destination check
    Modify(modify::Modify),
    /// Delete interfaces that are attached to nothing
    Rm(remove::Remove),
}

impl Interface {
    pub async fn run(self, context: &Context) -> Result<()> {
        match self {
            Self::Ls(command) => command.run(context).await,
            Self::Create(command) => command.run(context).await,
            Self::Attach(command) => command.run(context).await,
            Self::Detach(command) => command.run(context).await,
            Self::Modify(command) => command.run(context).await,
            Self::Rm(command) => command.run(context).await,
        }
    }
}

/// Waits until an interface has a status and gives it; without waiting, as it is.
async fn settle(context: &Context, id: &str, goal: &str, wait: &Wait) -> Result<NetworkInterface> {
    if wait.no_wait {
        return Ok(context.client.network_interface(id).await?);
    }
    let mut progress = Progress::new(context.json);
    let mut tell = |what: &str, _| progress.tell(what);
    Ok(context.client.wait_for_interface(id, goal, wait.patience(), &mut tell).await?)
}

/// Prints interfaces as a table, or as JSON where that was asked for.
fn print(context: &Context, network_interfaces: Vec<NetworkInterface>) -> Result<()> {
    let list = NetworkInterfaceList { network_interfaces };
    if context.printed_json(&list)? {
        return Ok(());
    }
    let headings = ["ID", "STATUS", "PRIVATE IP", "PUBLIC IP", "INSTANCE", "INDEX", "GROUPS", "DESCRIPTION"];
    let mut table = Table::new(context.paint, &headings);
    for interface in &list.network_interfaces {
        let groups: Vec<_> = interface.groups.iter().map(|group| group.name.as_str()).collect();
        let colour = match interface.status.as_str() {
            "in-use" | "available" => Colour::Green,
            _ => Colour::Yellow,
        };
        table
            .row()
            .cell(&interface.id)
            .coloured(colour, &interface.status)
            .cell(&interface.private_ip)
            .cell(or_dash(interface.public_ip.as_deref()))
            .cell(or_dash(interface.instance_id.as_deref()))
            .cell(interface.device_index.map_or_else(|| "-".to_owned(), |index| index.to_string()))
            .cell(groups.join(","))
            .cell(&interface.description);
    }
    table.print()
}
