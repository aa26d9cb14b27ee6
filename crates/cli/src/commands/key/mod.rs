//! `cumulet key …`.

mod create;
mod import;
mod list;
mod remove;

use clap::Subcommand;
use cumulet_client::types::key_pair::KeyPair;
use jiff::Timestamp;

use crate::context::Context;
use crate::failure::Result;
use crate::output::{Table, age};

/// Key pairs for ssh.
#[derive(Debug, Subcommand)]
pub enum Key {
    /// Make a key pair and keep its private key in ~/.cumulet/keys
    Create(create::Create),
    /// Take in a public key of yours
    Import(import::Import),
    /// List key pairs
    Ls,
    /// Remove key pairs; instances that have them keep them
    Rm(remove::Remove),
}

impl Key {
    pub async fn run(self, context: &Context) -> Result<()> {
        match self {
            Self::Create(command) => command.run(context).await,
            Self::Import(command) => command.run(context).await,
            Self::Ls => list::run(context).await,
            Self::Rm(command) => command.run(context).await,
        }
    }
}

fn table(context: &Context, pairs: &[KeyPair]) -> Result<()> {
    let mut table = Table::new(context.paint, &["NAME", "ID", "TYPE", "FINGERPRINT", "PRIVATE KEY", "AGE"]);
    let now = Timestamp::now();
    for pair in pairs {
        let file = context.home.key_file(&pair.name);
        let kept = if file.exists() { file.display().to_string() } else { "-".into() };
        table
            .row()
            .cell(&pair.name)
            .cell(&pair.id)
            .cell(pair.key_type.as_str())
            .cell(&pair.fingerprint)
            .cell(kept)
            .cell(age(pair.created, now));
    }
    table.print()
}
