//! `cumulet reach`.

use clap::Args;
use cumulet_client::types::reachability::{AskReachability, ReachabilityAnswer, ReachabilityHop};

use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::output::{Table, line};
use crate::resolve;

/// Tell which way traffic takes from one end to another, or what stops it and how to mend that.
///
/// It is told from the network as it should be, and compared with the rules and routes that the kernel holds. Ends with
/// status 1 if it does not get through.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cumulet reach web db --port 5432
  cumulet reach 203.0.113.9 web --port 443
  cumulet reach web vpc-0123456789abcdef0 --protocol icmp")]
pub struct Reach {
    /// An instance (id or name), an interface, an internet gateway, a VPC (for its gateway) or an address
    source: String,
    /// The same
    destination: String,
    /// tcp, udp, icmp (a ping), or a protocol's number
    #[arg(long, default_value = "tcp")]
    protocol: String,
    /// Destination port; without one, any that gets through
    #[arg(long)]
    port: Option<u16>,
}

impl Reach {
    pub async fn run(self, context: &Context) -> Result<()> {
        let ask = AskReachability {
            source: end(context, &self.source).await?,
            destination: end(context, &self.destination).await?,
            protocol: Some(self.protocol),
            port: self.port,
            ..AskReachability::default()
        };
        let answer = context.client.reachability(&ask).await?;
        if !context.printed_json(&answer)? {
            print(context, &answer)?;
        }
        if answer.reachable { Ok(()) } else { Err(Failure::Other("it is not reachable".into())) }
    }
}

/// What the API takes: ids and addresses as they are, else an instance's id by its name.
async fn end(context: &Context, asked: &str) -> Result<String> {
    let known = ["eni-", "igw-", "vpc-"].iter().any(|prefix| asked.starts_with(prefix));
    if known || asked.parse::<std::net::IpAddr>().is_ok() {
        return Ok(asked.to_owned());
    }
    Ok(resolve::instance(&context.client, asked).await?.id)
}

fn print(context: &Context, answer: &ReachabilityAnswer) -> Result<()> {
    let mut table = Table::new(context.paint, &["", "HOP", "ID", "PACKET", "BY"]);
    for (mark, hops) in [("->", &answer.forward), ("<-", &answer.back)] {
        for hop in hops {
            table.row().cell(mark).cell(&hop.kind).cell(&hop.id).cell(packet(hop));
            table.cell(hop.rule.clone().unwrap_or_default());
        }
    }
    table.print()?;
    for reason in &answer.reasons {
        line(format_args!("\n{}: {}", reason.code, reason.text))?;
        if let Some(rule) = &reason.rule {
            line(format_args!("  by: {rule}"))?;
        }
        line(format_args!("  mend: {}", reason.remedy))?;
    }
    for hint in &answer.hints {
        line(format_args!("another way may be by {hint}"))?;
    }
    for warning in &answer.warnings {
        line(format_args!("note: {warning}"))?;
    }
    let Some(kernel) = &answer.kernel else { return Ok(()) };
    let agrees = match kernel.agrees {
        Some(true) => "as it should",
        Some(false) => "which is not what the network should do",
        None => "which can't be compared",
    };
    line(format_args!("\nkernel: {}, {agrees}", kernel.verdict))?;
    match &kernel.decided {
        Some(decided) => line(format_args!("  by: {decided}")),
        None => Ok(()),
    }
}

/// The packet, and what becomes of it where it is translated.
fn packet(hop: &ReachabilityHop) -> String {
    match (&hop.inbound, &hop.outbound) {
        (Some(inbound), Some(outbound)) if inbound != outbound => format!("{inbound} => {outbound}"),
        (Some(one), _) | (None, Some(one)) => one.clone(),
        (None, None) => String::new(),
    }
}
