//! `cumulet subnet …`.

mod create;
mod remove;

use clap::Subcommand;
use cumulet_client::types::network::Subnet as Held;

use crate::commands::subnets::Subnets;
use crate::context::Context;
use crate::failure::{Failure, Result};

/// Subnets.
#[derive(Debug, Subcommand)]
pub enum Subnet {
    /// List the subnets
    Ls(Subnets),
    /// Make a subnet
    Create(create::Create),
    /// Delete subnets that nothing is in
    Rm(remove::Remove),
}

impl Subnet {
    pub async fn run(self, context: &Context) -> Result<()> {
        match self {
            Self::Ls(command) => command.run(context).await,
            Self::Create(command) => command.run(context).await,
            Self::Rm(command) => command.run(context).await,
        }
    }
}

/// The subnet that `asked` means, by id or by its tag `Name`.
pub async fn find(context: &Context, asked: &str) -> Result<Held> {
    let is_meant =
        |subnet: &Held| subnet.id == asked || subnet.tags.get("Name").map(String::as_str) == Some(asked);
    let mut found: Vec<_> = context.client.subnets().await?.into_iter().filter(is_meant).collect();
    match found.len() {
        0 => Err(Failure::NotFound(format!("no subnet has the id or the name {asked:?}"))),
        1 => Ok(found.swap_remove(0)),
        _ => Err(Failure::Other(format!("{asked:?} is the name of several subnets"))),
    }
}
