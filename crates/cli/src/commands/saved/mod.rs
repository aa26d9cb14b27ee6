//! `cumulet saved …`.

mod list;
mod remove;

use clap::Subcommand;
use cumulet_client::types::saved_machine::SavedMachine;
use jiff::Timestamp;

use crate::context::Context;
use crate::failure::Result;
use crate::output::{Table, age, or_dash};

/// Saved machines, to fork from.
#[derive(Debug, Subcommand)]
pub enum Saved {
    /// List saved machines
    Ls,
    /// Remove saved machines; instances that began from them go on
    Rm(remove::Remove),
}

impl Saved {
    pub async fn run(self, context: &Context) -> Result<()> {
        match self {
            Self::Ls => list::run(context).await,
            Self::Rm(command) => command.run(context).await,
        }
    }
}

pub fn table(context: &Context, saved: &[SavedMachine]) -> Result<()> {
    let mut table = Table::new(context.paint, &["ID", "NAME", "STATE", "TYPE", "INSTANCE", "AGE"]);
    let now = Timestamp::now();
    for machine in saved {
        table
            .row()
            .cell(&machine.id)
            .cell(or_dash(machine.name.as_deref()))
            .cell(machine.state.as_str())
            .cell(&machine.instance_type)
            .cell(&machine.instance_id)
            .cell(age(machine.created, now));
    }
    table.print()
}
