//! `cumulet vpc …`.

mod create;
mod remove;

use clap::Subcommand;
use cumulet_client::types::network::Vpc as Held;

use crate::commands::vpcs::Vpcs;
use crate::context::Context;
use crate::failure::{Failure, Result};

/// VPCs.
#[derive(Debug, Subcommand)]
pub enum Vpc {
    /// List the VPCs
    Ls(Vpcs),
    /// Make a VPC, if wanted with an internet gateway
    Create(create::Create),
    /// Delete VPCs that nothing is in
    Rm(remove::Remove),
}

impl Vpc {
    pub async fn run(self, context: &Context) -> Result<()> {
        match self {
            Self::Ls(command) => command.run(context).await,
            Self::Create(command) => command.run(context).await,
            Self::Rm(command) => command.run(context).await,
        }
    }
}

/// The VPC that `asked` means, by id or by its tag `Name`.
pub async fn find(context: &Context, asked: &str) -> Result<Held> {
    let is_meant = |vpc: &Held| vpc.id == asked || vpc.tags.get("Name").map(String::as_str) == Some(asked);
    let mut found: Vec<_> = context.client.vpcs().await?.into_iter().filter(is_meant).collect();
    match found.len() {
        0 => Err(Failure::NotFound(format!("no VPC has the id or the name {asked:?}"))),
        1 => Ok(found.swap_remove(0)),
        _ => Err(Failure::Other(format!("{asked:?} is the name of several VPCs"))),
    }
}
