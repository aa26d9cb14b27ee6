//! `cumulet image …`.

mod build;
mod import;
mod list;
mod manifest;
mod register;
mod remove;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Result;

/// Machine images, with the kernels and ramdisks that they boot with.
#[derive(Debug, Subcommand)]
pub enum Image {
    /// List images
    Ls(list::List),
    /// Build an image by one of the project's recipes
    Build(build::Build),
    /// Make an image from a raw or qcow2 disk
    Import(import::Import),
    /// Remove images; instances launched from them live on
    Rm(remove::Remove),
}

impl Image {
    pub async fn run(self, context: &Context) -> Result<()> {
        match self {
            Self::Ls(command) => command.run(context).await,
            Self::Build(command) => command.run(context).await,
            Self::Import(command) => command.run(context).await,
            Self::Rm(command) => command.run(context).await,
        }
    }
}
