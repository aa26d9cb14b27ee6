//! `cumulet flow-log …`.

mod create;
mod list;
mod remove;
mod show;

use clap::Subcommand;
use cumulet_client::types::flow_log::{FlowLog as Item, FlowLogCounts, FlowLogTraffic};
use jiff::Timestamp;

use crate::context::Context;
use crate::failure::Result;
use crate::output::{Colour, Table, age, or_dash};

/// Flow logs: records of who talked to whom, let through or refused.
#[derive(Debug, Subcommand)]
pub enum FlowLog {
    /// List flow logs
    Ls,
    /// Make a flow log of a VPC, subnet or network interface
    Create(create::Create),
    /// Print a flow log's last records, or each that comes
    Show(show::Show),
    /// Delete flow logs; their files stay for their time
    Rm(remove::Remove),
}

impl FlowLog {
    pub async fn run(self, context: &Context) -> Result<()> {
        match self {
            Self::Ls => list::run(context).await,
            Self::Create(command) => command.run(context).await,
            Self::Show(command) => command.run(context).await,
            Self::Rm(command) => command.run(context).await,
        }
    }
}

pub fn table(context: &Context, logs: &[Item]) -> Result<()> {
    let headings = ["ID", "NAME", "OF", "TRAFFIC", "SECONDS", "RECORDS", "UNRECORDED", "STATE", "AGE"];
    let mut table = Table::new(context.paint, &headings);
    let now = Timestamp::now();
    for log in logs {
        let (colour, state) = match log.failure {
            None => (Colour::Green, "active"),
            Some(_) => (Colour::Red, "failing"),
        };
        table
            .row()
            .cell(&log.id)
            .cell(or_dash(log.tags.get("Name").map(String::as_str)))
            .cell(&log.resource_id)
            .cell(word(log.traffic))
            .cell(log.aggregation_seconds.to_string())
            .cell(log.counts.records.to_string())
            .cell(unrecorded(&log.counts))
            .coloured(colour, state)
            .cell(age(log.created, now));
    }
    table.print()
}

/// What was not recorded, in words.
fn unrecorded(counts: &FlowLogCounts) -> String {
    let parts = [
        (counts.skipped_packets, "packets"),
        (counts.lost_messages, "messages"),
        (counts.lost_records, "records"),
        (counts.cut_off, "intervals"),
    ];
    let told: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if told.is_empty() { "-".to_owned() } else { told.join(", ") }
}

fn word(traffic: FlowLogTraffic) -> &'static str {
    match traffic {
        FlowLogTraffic::Accept => "accept",
        FlowLogTraffic::Reject => "reject",
        FlowLogTraffic::All => "all",
    }
}
