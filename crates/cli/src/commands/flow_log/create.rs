//! `cumulet flow-log create`.

use clap::Args;
use cumulet_client::types::flow_log::{CreateFlowLog, FlowLogTraffic};

use crate::commands::key_value;
use crate::context::Context;
use crate::failure::Result;

/// Make a flow log of a VPC, subnet or network interface.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cumulet flow-log create vpc-…
  cumulet flow-log create eni-… --traffic reject --seconds 60 --fields 'srcaddr dstaddr dstport packets action'")]
pub struct Create {
    /// Id of the VPC, subnet or network interface
    #[arg(value_name = "ID")]
    resource: String,
    /// Which traffic: accept, reject or all
    #[arg(long, default_value = "all", value_parser = traffic)]
    traffic: FlowLogTraffic,
    /// The longest that packets are counted into one record: 60 or 600
    #[arg(long, default_value_t = 600)]
    seconds: u32,
    /// The records' fields, by EC2's names with spaces between [default: those of version 2]
    #[arg(long)]
    fields: Option<String>,
    /// Tag Name
    #[arg(short, long)]
    name: Option<String>,
    /// A tag; may be given again
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = key_value)]
    tags: Vec<(String, String)>,
}

impl Create {
    pub async fn run(self, context: &Context) -> Result<()> {
        let name = self.name.map(|name| ("Name".to_owned(), name));
        let request = CreateFlowLog {
            resource_id: self.resource,
            traffic: self.traffic,
            format: self.fields.map(|fields| format_of(&fields)),
            aggregation_seconds: Some(self.seconds),
            tags: self.tags.into_iter().chain(name).collect(),
            client_token: None,
        };
        let made = context.client.create_flow_log(&request).await?;
        if context.printed_json(&made)? { Ok(()) } else { super::table(context, &[made]) }
    }
}

fn traffic(text: &str) -> std::result::Result<FlowLogTraffic, String> {
    match text {
        "accept" => Ok(FlowLogTraffic::Accept),
        "reject" => Ok(FlowLogTraffic::Reject),
        "all" => Ok(FlowLogTraffic::All),
        _ => Err("expected accept, reject or all".into()),
    }
}

/// Fields as EC2 writes them; those that are written so already stay.
fn format_of(fields: &str) -> String {
    let words = fields.split_whitespace();
    let quoted =
        words.map(|word| if word.starts_with('$') { word.to_owned() } else { format!("${{{word}}}") });
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_may_be_written_short() {
        assert_eq!(format_of("srcaddr  ${dstaddr}"), "${srcaddr} ${dstaddr}");
    }
}
