//! `cumulet interface ls`.

use clap::Args;

use crate::context::Context;
use crate::failure::Result;
use crate::output::say;
use crate::resolve;

/// List interfaces.
#[derive(Debug, Args)]
pub struct List {
    /// Only those of this instance
    #[arg(long, value_name = "INSTANCE")]
    of: Option<String>,
    /// Print ids and nothing else
    #[arg(short, long)]
    quiet: bool,
}

impl List {
    pub async fn run(self, context: &Context) -> Result<()> {
        let mut interfaces = context.client.network_interfaces().await?;
        if let Some(of) = &self.of {
            let id = resolve::instance(&context.client, of).await?.id;
            interfaces.retain(|interface| interface.instance_id.as_ref() == Some(&id));
        }
        if self.quiet {
            return interfaces.iter().try_for_each(|interface| say!("{}", interface.id));
        }
        super::print(context, interfaces)
    }
}
