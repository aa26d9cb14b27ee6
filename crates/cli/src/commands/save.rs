//! `cumulet save`.

use std::time::Duration;

use clap::Args;
use cumulet_client::types::saved_machine::{SaveMachine, SavedMachineState};
use tokio::time::{Instant, sleep};

use super::saved;
use super::wait::Wait;
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::resolve;

/// Save a running instance's machine, memory and disks, to fork from later; the instance goes on.
///
/// What is saved outlives the instance. The guest needs cumulet-agent.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  cumulet save ci-ready --name ci-ready
  cumulet fork --saved ci-ready --count 20")]
pub struct Save {
    /// The instance: its id, the beginning of it, or its name
    instance: String,
    /// A name for the saved machine
    #[arg(short, long)]
    name: Option<String>,
    #[command(flatten)]
    wait: Wait,
}

impl Save {
    pub async fn run(self, context: &Context) -> Result<()> {
        let source = resolve::instance(&context.client, &self.instance).await?;
        let request = SaveMachine { name: self.name, client_token: None };
        let mut made = context.client.save_instance(&source.id, &request).await?;
        let until = Instant::now() + self.wait.patience().limit;
        while !self.wait.no_wait && made.state == SavedMachineState::Saving {
            if Instant::now() >= until {
                return Err(Failure::Other(format!("{} is still being saved", made.id)));
            }
            sleep(Duration::from_millis(100)).await;
            made = context.client.saved_machine(&made.id).await?;
        }
        if made.state == SavedMachineState::Failed {
            let why = made.reason.unwrap_or_default();
            return Err(Failure::Other(format!("the machine could not be saved: {why}")));
        }
        if context.printed_json(&made)? { Ok(()) } else { saved::table(context, &[made]) }
    }
}
