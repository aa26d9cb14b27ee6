//! `cumulet flow-log show`.

use clap::Args;
use cumulet_client::types::flow_log::{FlowLog, RecordLine, RecordsQuery};

use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::output::put;
use crate::resolve;

/// Print a flow log's last records, or each that comes.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  cumulet flow-log show fl-… --follow | grep REJECT

With --json each line is an object.")]
pub struct Show {
    /// Id of the flow log, or its tag Name
    log: String,
    /// So many of the last records
    #[arg(short = 'n', long, default_value_t = 100)]
    last: usize,
    /// Go on with each record that comes
    #[arg(short, long)]
    follow: bool,
}

impl Show {
    pub async fn run(self, context: &Context) -> Result<()> {
        let log = resolve::flow_log(&context.client, &self.log).await?;
        let query = RecordsQuery { last: Some(self.last), follow: self.follow };
        let mut lines = context.client.flow_log_records(&log.id, &query).await?;
        if !context.json {
            put(format!("{}\n", log.fields.join(" ")).as_bytes())?;
        }
        while let Some(line) = lines.next::<RecordLine>().await? {
            print(context, &log, &line)?;
        }
        Ok(())
    }
}

fn print(context: &Context, log: &FlowLog, line: &RecordLine) -> Result<()> {
    if context.json {
        let text = serde_json::to_string(line).map_err(|error| Failure::Other(error.to_string()))?;
        return put(format!("{text}\n").as_bytes());
    }
    match line {
        RecordLine::Record(values) => {
            let value = |field: &String| values.get(field).map_or("-", String::as_str);
            let text: Vec<&str> = log.fields.iter().map(value).collect();
            put(format!("{}\n", text.join(" ")).as_bytes())
        }
        RecordLine::Gap {} => {
            eprintln!("records were removed before they could be read");
            Ok(())
        }
        RecordLine::Failed(why) => Err(Failure::Other(format!("the flow log can't be read: {why}"))),
    }
}
