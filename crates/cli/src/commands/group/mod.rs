//! `cumulet group …`.

mod allow;
mod change;
mod create;
mod deny;
mod list;
mod remove;
mod show;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Result;

/// How rules are written, for `--help`.
pub const RULE_HELP: &str = "\
Rules:
  tcp:22 from anywhere            a port
  tcp:80,443 from 10.0.0.0/8      several
  udp:1000-2000 from web          a range, from the members of a group
  icmp from self                  pings among the group's own members
  icmp:8/0 from 192.0.2.7         one ICMP type and code
  all to anywhere                 outward
  proto:47 from 192.0.2.0/24      another IP protocol";

/// Security groups: who may talk to an instance.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// Make a group, which lets nothing in and everything out
    Create(create::Create),
    /// List groups
    Ls,
    /// Show a group's rules
    Show(show::Show),
    /// Add rules; they hold at once
    #[command(visible_alias = "authorize")]
    Allow(allow::Allow),
    /// Remove rules; they cease at once
    #[command(visible_alias = "revoke")]
    Deny(deny::Deny),
    /// Remove groups that nothing uses
    Rm(remove::Remove),
}

impl Group {
    pub async fn run(self, context: &Context) -> Result<()> {
        match self {
            Self::Create(command) => command.run(context).await,
            Self::Ls => list::run(context).await,
            Self::Show(command) => command.run(context).await,
            Self::Allow(command) => command.run(context).await,
            Self::Deny(command) => command.run(context).await,
            Self::Rm(command) => command.run(context).await,
        }
    }
}
