//! `cumulet address …`.

mod allocate;
mod associate;
mod disassociate;
mod list;
mod release;

use clap::Subcommand;
use cumulet_client::types::address::Address as Held;

use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::output::{Colour, Table, or_dash};

/// Elastic addresses.
#[derive(Debug, Subcommand)]
pub enum Address {
    /// List elastic addresses, and how many are idle
    Ls(list::List),
    /// Have an elastic address
    Allocate(allocate::Allocate),
    /// Lead an address to an instance or interface, also away from another
    Associate(associate::Associate),
    /// Let addresses lead nowhere; they stay yours
    Disassociate(disassociate::Disassociate),
    /// Give addresses back that lead nowhere
    #[command(visible_alias = "rm")]
    Release(release::Release),
}

impl Address {
    pub async fn run(self, context: &Context) -> Result<()> {
        match self {
            Self::Ls(command) => command.run(context).await,
            Self::Allocate(command) => command.run(context).await,
            Self::Associate(command) => command.run(context).await,
            Self::Disassociate(command) => command.run(context).await,
            Self::Release(command) => command.run(context).await,
        }
    }
}

/// The address that `asked` means: by id, by the address itself, or by its tag `Name`.
async fn find(context: &Context, asked: &str) -> Result<Held> {
    let all = context.client.addresses().await?.addresses;
    let is_meant = |held: &Held| {
        held.id == asked
            || held.public_ip == asked
            || held.tags.get("Name").map(String::as_str) == Some(asked)
    };
    let mut found: Vec<_> = all.into_iter().filter(is_meant).collect();
    match found.len() {
        0 => Err(Failure::NotFound(format!(
            "no elastic address has the id, the address or the name {asked:?}"
        ))),
        1 => Ok(found.swap_remove(0)),
        _ => Err(Failure::Other(format!("{asked:?} is the name of several elastic addresses"))),
    }
}

/// A table of addresses.
fn table(context: &Context, addresses: &[Held]) -> Result<()> {
    let mut table = Table::new(
        context.paint,
        &["ID", "ADDRESS", "STATUS", "INSTANCE", "INTERFACE", "PRIVATE IP", "NAME"],
    );
    for held in addresses {
        let association = held.association.as_ref();
        let (colour, status) =
            if association.is_some() { (Colour::Green, "associated") } else { (Colour::Yellow, "idle") };
        table
            .row()
            .cell(&held.id)
            .cell(&held.public_ip)
            .coloured(colour, status)
            .cell(or_dash(association.and_then(|association| association.instance_id.as_deref())))
            .cell(or_dash(association.map(|association| association.interface_id.as_str())))
            .cell(or_dash(association.map(|association| association.private_ip.as_str())))
            .cell(or_dash(held.tags.get("Name").map(String::as_str)));
    }
    table.print()
}

/// Prints one address as a table, or as JSON where that was asked for.
fn print(context: &Context, held: &Held) -> Result<()> {
    if context.printed_json(held)? {
        return Ok(());
    }
    table(context, std::slice::from_ref(held))
}
