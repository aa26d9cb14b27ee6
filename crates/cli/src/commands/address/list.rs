//! `cumulet address ls`.

use clap::Args;

use crate::context::Context;
use crate::failure::Result;
use crate::output::say;

/// List elastic addresses, and how many are idle.
#[derive(Debug, Args)]
pub struct List {
    /// Only those that lead nowhere
    #[arg(long)]
    idle: bool,
    /// Print addresses and nothing else
    #[arg(short, long)]
    quiet: bool,
}

impl List {
    pub async fn run(self, context: &Context) -> Result<()> {
        let mut list = context.client.addresses().await?;
        list.addresses.retain(|held| !self.idle || held.association.is_none());
        if self.quiet {
            return list.addresses.iter().try_for_each(|held| say!("{}", held.public_ip));
        }
        if context.printed_json(&list)? {
            return Ok(());
        }
        super::table(context, &list.addresses)?;
        match list.idle {
            0 => Ok(()),
            1 => say!("1 address is idle."),
            idle => say!("{idle} addresses are idle."),
        }
    }
}
