//! `cumulet interface detach`.

use clap::Args;

use crate::commands::wait::Wait;
use crate::context::Context;
use crate::failure::Result;

/// Detach interfaces, never primary ones: the guest is asked to let go of them.
#[derive(Debug, Args)]
pub struct Detach {
    /// The interfaces' ids
    #[arg(required = true)]
    interfaces: Vec<String>,
    /// Take them away without asking the guest
    #[arg(short, long)]
    force: bool,
    #[command(flatten)]
    wait: Wait,
}

impl Detach {
    pub async fn run(self, context: &Context) -> Result<()> {
        for id in &self.interfaces {
            context.client.detach_network_interface(id, self.force).await?;
        }
        let mut interfaces = Vec::new();
        for id in &self.interfaces {
            interfaces.push(super::settle(context, id, "available", &self.wait).await?);
        }
        super::print(context, interfaces)
    }
}
