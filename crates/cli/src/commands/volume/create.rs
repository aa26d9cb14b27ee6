//! `cumulet volume create`.

use clap::Args;
use cumulet_client::types::volume::CreateVolume;

use crate::commands::key_value;
use crate::commands::wait::Wait;
use crate::context::Context;
use crate::failure::Result;

/// Make a volume and wait until it is available.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  cumulet volume create 20 --name data && cumulet volume attach data web")]
pub struct Create {
    /// Size in GiB
    #[arg(value_name = "GIB", required_unless_present = "snapshot")]
    size: Option<u64>,
    /// Tag Name
    #[arg(short, long)]
    name: Option<String>,
    /// Zone [default: the first one]
    #[arg(long)]
    zone: Option<String>,
    /// A snapshot to make it from
    #[arg(long, value_name = "ID")]
    snapshot: Option<String>,
    /// Type: standard (as fast as the host), gp2, gp3, io1, io2, st1, sc1
    #[arg(short, long = "type", value_name = "TYPE")]
    volume_type: Option<String>,
    /// Operations a second, for gp3, io1 and io2
    #[arg(long)]
    iops: Option<u32>,
    /// MiB a second, for gp3
    #[arg(long, value_name = "MIB")]
    throughput: Option<u32>,
    /// A tag; may be given again
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = key_value)]
    tags: Vec<(String, String)>,
    #[command(flatten)]
    wait: Wait,
}

impl Create {
    pub async fn run(self, context: &Context) -> Result<()> {
        let name = self.name.map(|name| ("Name".to_owned(), name));
        let request = CreateVolume {
            zone: self.zone,
            size_gib: self.size,
            snapshot_id: self.snapshot,
            volume_type: self.volume_type,
            iops: self.iops,
            throughput_mib: self.throughput,
            tags: self.tags.into_iter().chain(name).collect(),
            client_token: None,
        };
        let made = context.client.create_volume(&request).await?;
        let volume = super::settle(context, &made.id, "available", &self.wait).await?;
        super::print(context, vec![volume]).await
    }
}
