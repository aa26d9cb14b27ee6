//! `cumulet run`.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use cumulet_client::encode_base64;
use cumulet_client::types::instance::{InstanceState, MetadataOptions, ShutdownBehavior};
use cumulet_client::types::run::{BlockDevice, Launched, RunInstances};

use super::modify::Credits;
use super::wait::Wait;
use super::{key_value, list};
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::resolve;

/// More than any user data may be; the daemon says where the limit is.
const USER_DATA_READ_LIMIT: u64 = 128 * 1024;

/// Launch instances and wait until they run.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cumulet run debian-12 --name web --key me --group web
  cumulet run debian-12 --type t3.medium --user-data setup.sh --disk 20
  cumulet run micro --count 10 --tag role=ci --shutdown-behavior terminate --no-wait")]
pub struct Run {
    /// The image, by name or id
    image: String,
    /// Instance type (see `cumulet types`) [default: t3.micro]
    #[arg(short, long = "type", value_name = "TYPE")]
    instance_type: Option<String>,
    /// Tag Name of the instances
    #[arg(short, long)]
    name: Option<String>,
    /// Key pair for ssh
    #[arg(short, long, value_name = "NAME")]
    key: Option<String>,
    /// Security group by name or id; may be given again [default: the VPC's default group]
    #[arg(short, long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// How many
    #[arg(short, long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// A file with user data: a script, a cloud-config or a MIME multipart; - for standard input
    #[arg(short, long, value_name = "FILE")]
    user_data: Option<PathBuf>,
    /// A tag; may be given again
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = key_value)]
    tags: Vec<(String, String)>,
    /// Subnet [default: the default one]
    #[arg(long, value_name = "ID")]
    subnet: Option<String>,
    /// A private address of your choice; one instance only
    #[arg(long, value_name = "ADDRESS")]
    private_ip: Option<String>,
    /// Give no public address
    #[arg(long)]
    no_public_ip: bool,
    /// Size of the root disk in GiB [default: the image's]
    #[arg(long, value_name = "GIB")]
    disk: Option<u64>,
    /// One more disk, as in /dev/sdf=10 (GiB); may be given again
    #[arg(long = "volume", value_name = "DEVICE=GIB", value_parser = device_size)]
    volumes: Vec<(String, u64)>,
    /// What a power-off from within does [default: stop]
    #[arg(long, value_name = "WHAT")]
    shutdown_behavior: Option<WhatThen>,
    /// Let it be stopped with its memory kept (`cumulet stop --hibernate`)
    #[arg(long)]
    hibernation: bool,
    /// What an instance of a t family may do without CPU credits [default: as its type has it]
    #[arg(long, value_name = "MODE")]
    credits: Option<Credits>,
    /// Take metadata requests with a session token only (IMDSv2)
    #[arg(long)]
    require_imds_token: bool,
    /// Check everything and launch nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    wait: Wait,
}

/// What a power-off from within does.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum WhatThen {
    /// The instance is stopped
    Stop,
    /// The instance is terminated
    Terminate,
}

impl Run {
    pub async fn run(self, context: &Context) -> Result<()> {
        let image = resolve::image(&context.client, &self.image).await?;
        let request = self.request(image.id, &image.root_device_name.unwrap_or("/dev/xvda".into()))?;
        let launched = match context.client.run_instances(&request).await {
            Err(error) if error.code() == Some("DryRunOperation") => {
                eprintln!("The launch would be taken.");
                return Ok(());
            }
            answer => answer?,
        };
        for warning in &launched.warnings {
            eprintln!("warning: user data: {warning}");
        }
        let ids: Vec<String> = launched.instances.iter().map(|instance| instance.id.clone()).collect();
        let waited = self.wait.for_instances(context, &ids, InstanceState::Running).await?;
        let launched = Launched { instances: waited.unwrap_or(launched.instances), ..launched };
        if context.printed_json(&launched)? {
            return Ok(());
        }
        let [only] = ids.as_slice() else { return list::print(context, launched.instances).await };
        list::print(context, launched.instances).await?;
        if self.key.is_some() && !self.no_public_ip {
            eprintln!("\nLog in with: cumulet ssh {}", self.name.as_deref().unwrap_or(only));
        }
        Ok(())
    }

    fn request(&self, image_id: String, root_device: &str) -> Result<RunInstances> {
        let mut request = RunInstances::new(image_id);
        request.count = Some(self.count);
        request.instance_type = self.instance_type.clone();
        request.key_name = self.key.clone();
        request.subnet_id = self.subnet.clone();
        request.groups = self.groups.clone();
        request.private_ip = self.private_ip.clone();
        request.public_ip = self.no_public_ip.then_some(false);
        request.user_data_base64 =
            self.user_data.as_deref().map(read_user_data).transpose()?.map(|data| encode_base64(&data));
        request.tags = self.tags.iter().cloned().collect();
        if let Some(name) = &self.name {
            request.tags.insert("Name".into(), name.clone());
        }
        let root = self.disk.map(|size| (root_device.to_owned(), size));
        let devices = root.into_iter().chain(self.volumes.clone());
        request.block_devices = devices
            .map(|(device_name, size)| BlockDevice {
                device_name,
                size_gib: Some(size),
                delete_on_termination: None,
                volume_type: None,
                iops: None,
                throughput_mib: None,
            })
            .collect();
        request.credit_mode = self.credits.map(Into::into);
        request.shutdown_behavior = self.shutdown_behavior.map(|then| match then {
            WhatThen::Stop => ShutdownBehavior::Stop,
            WhatThen::Terminate => ShutdownBehavior::Terminate,
        });
        request.metadata_options = self.require_imds_token.then_some(MetadataOptions {
            tokens_required: true,
            endpoint_enabled: true,
            hop_limit: 1,
            tags_enabled: false,
            ipv6_enabled: false,
        });
        request.hibernation = self.hibernation;
        request.dry_run = self.dry_run;
        Ok(request)
    }
}

fn read_user_data(path: &Path) -> Result<Vec<u8>> {
    let mut data = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(USER_DATA_READ_LIMIT).read_to_end(&mut data)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(USER_DATA_READ_LIMIT).read_to_end(&mut data))
    };
    read.map_err(Failure::io(format!("cannot read user data from {}", path.display())))?;
    Ok(data)
}

fn device_size(text: &str) -> std::result::Result<(String, u64), String> {
    let (device, size) = key_value(text)?;
    let size = size.parse().map_err(|_| format!("{size:?} is no whole number of GiB"))?;
    Ok((device, size))
}
