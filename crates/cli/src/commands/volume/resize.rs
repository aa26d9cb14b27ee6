//! `cumulet volume resize`.

use clap::Args;
use cumulet_client::types::volume::ModifyVolume;

use crate::commands::wait::Wait;
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::resolve;

/// Grow a volume, also while a guest uses it, or give it another type. The file system on it is the guest's to grow.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cumulet volume resize data 40
  cumulet volume resize data --type gp3 --iops 6000")]
pub struct Resize {
    /// The volume: its id or its tag Name
    volume: String,
    /// New size in GiB, not less than it is
    #[arg(value_name = "GIB")]
    size: Option<u64>,
    /// Another type
    #[arg(short, long = "type", value_name = "TYPE")]
    volume_type: Option<String>,
    /// Operations a second, for gp3, io1 and io2
    #[arg(long)]
    iops: Option<u32>,
    /// MiB a second, for gp3
    #[arg(long, value_name = "MIB")]
    throughput: Option<u32>,
    #[command(flatten)]
    wait: Wait,
}

impl Resize {
    pub async fn run(self, context: &Context) -> Result<()> {
        let request = ModifyVolume {
            size_gib: self.size,
            volume_type: self.volume_type,
            iops: self.iops,
            throughput_mib: self.throughput,
        };
        if request == ModifyVolume::default() {
            return Err(Failure::Usage("give a size, a type or a figure".into()));
        }
        let id = resolve::volume(&context.client, &self.volume).await?.id;
        context.client.modify_volume(&id, &request).await?;
        let volume = match self.wait.no_wait {
            true => context.client.volume(&id).await?.volume,
            false => super::settle_modification(context, &id, self.wait.patience()).await?,
        };
        super::print(context, vec![volume]).await
    }
}
