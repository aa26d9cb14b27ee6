//! `cumulet interface attach`.

use clap::Args;
use cumulet_client::types::network::AttachNetworkInterface;

use crate::commands::wait::Wait;
use crate::context::Context;
use crate::failure::Result;
use crate::resolve;

/// Attach an interface to an instance, running or stopped.
#[derive(Debug, Args)]
pub struct Attach {
    /// The interface's id
    interface: String,
    /// The instance: id, beginning of an id, or name
    instance: String,
    /// Index, from 1 [default: the first free one]
    #[arg(long, value_name = "N")]
    index: Option<u32>,
    #[command(flatten)]
    wait: Wait,
}

impl Attach {
    pub async fn run(self, context: &Context) -> Result<()> {
        let instance_id = resolve::instance(&context.client, &self.instance).await?.id;
        let request = AttachNetworkInterface { instance_id, device_index: self.index };
        context.client.attach_network_interface(&self.interface, &request).await?;
        let interface = super::settle(context, &self.interface, "in-use", &self.wait).await?;
        super::print(context, vec![interface])
    }
}
