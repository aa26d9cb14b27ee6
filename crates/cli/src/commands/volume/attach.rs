//! `cumulet volume attach`.

use clap::Args;
use cumulet_client::types::volume::AttachVolume;

use crate::commands::wait::Wait;
use crate::context::Context;
use crate::failure::Result;
use crate::resolve;

/// Attach a volume to an instance, running or stopped. The guest finds it by its serial number, the id without its dash.
#[derive(Debug, Args)]
pub struct Attach {
    /// The volume: its id or its tag Name
    volume: String,
    /// The instance: id, beginning of an id, or name
    instance: String,
    /// Device name, as in /dev/sdf [default: the first free one]
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    #[command(flatten)]
    wait: Wait,
}

impl Attach {
    pub async fn run(self, context: &Context) -> Result<()> {
        let id = resolve::volume(&context.client, &self.volume).await?.id;
        let instance_id = resolve::instance(&context.client, &self.instance).await?.id;
        let request = AttachVolume { instance_id, device_name: self.device };
        context.client.attach_volume(&id, &request).await?;
        let volume = super::settle(context, &id, "in-use", &self.wait).await?;
        super::print(context, vec![volume]).await
    }
}
