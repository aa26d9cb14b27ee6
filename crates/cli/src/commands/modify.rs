//! `cumulet modify`.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};
use cumulet_client::encode_base64;
use cumulet_client::types::instance::{CreditMode, ModifyInstance, ShutdownBehavior};

use super::list;
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::resolve;

/// Change an instance. Type, user data and kernel only while it is stopped.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cumulet modify web --type t3.large
  cumulet modify web --termination-protection true")]
pub struct Modify {
    /// The instance: id, beginning of an id, or name
    instance: String,
    /// Another instance type
    #[arg(short, long = "type", value_name = "TYPE")]
    instance_type: Option<String>,
    /// A file with other user data
    #[arg(short, long, value_name = "FILE")]
    user_data: Option<PathBuf>,
    /// Another kernel, by the id of its image
    #[arg(long, value_name = "ID")]
    kernel: Option<String>,
    /// Another ramdisk, by the id of its image
    #[arg(long, value_name = "ID")]
    ramdisk: Option<String>,
    /// What a power-off by the guest does
    #[arg(long, value_name = "WHAT")]
    shutdown_behavior: Option<Behavior>,
    /// Whether termination is refused
    #[arg(long, value_name = "YES", action = ArgAction::Set)]
    termination_protection: Option<bool>,
    /// Whether a stop is refused
    #[arg(long, value_name = "YES", action = ArgAction::Set)]
    stop_protection: Option<bool>,
    /// Whether the primary interface is held to its own address
    #[arg(long, value_name = "YES", action = ArgAction::Set)]
    source_dest_check: Option<bool>,
    /// What an instance of a t family may do without CPU credits
    #[arg(long, value_name = "MODE")]
    credits: Option<Credits>,
    /// Security groups of the primary interface, by name or id; may be given again
    #[arg(short, long = "group", value_name = "GROUP")]
    groups: Vec<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Behavior {
    /// The instance is stopped
    Stop,
    /// The instance is terminated
    Terminate,
}

/// What an instance may do without CPU credits.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Credits {
    /// It is held to its type's baseline
    Standard,
    /// It goes on, and earns that back later
    Unlimited,
}

impl From<Credits> for CreditMode {
    fn from(credits: Credits) -> Self {
        match credits {
            Credits::Standard => Self::Standard,
            Credits::Unlimited => Self::Unlimited,
        }
    }
}

impl Modify {
    pub async fn run(self, context: &Context) -> Result<()> {
        let id = resolve::instance(&context.client, &self.instance).await?.id;
        let user_data = self
            .user_data
            .as_ref()
            .map(|file| std::fs::read(file).map_err(Failure::io(format!("cannot read {}", file.display()))));
        let mut groups = Vec::new();
        for group in &self.groups {
            groups.push(resolve::group(&context.client, group).await?.id);
        }
        let request = ModifyInstance {
            instance_type: self.instance_type,
            user_data_base64: user_data.transpose()?.map(|data| encode_base64(&data)),
            kernel_id: self.kernel,
            ramdisk_id: self.ramdisk,
            shutdown_behavior: self.shutdown_behavior.map(|behavior| match behavior {
                Behavior::Stop => ShutdownBehavior::Stop,
                Behavior::Terminate => ShutdownBehavior::Terminate,
            }),
            disable_api_termination: self.termination_protection,
            disable_api_stop: self.stop_protection,
            source_dest_check: self.source_dest_check,
            credit_mode: self.credits.map(Into::into),
            group_ids: (!groups.is_empty()).then_some(groups),
            ..ModifyInstance::default()
        };
        if request == ModifyInstance::default() {
            return Err(Failure::Usage("nothing to change was given".into()));
        }
        let instance = context.client.modify_instance(&id, &request).await?;
        list::print(context, vec![instance]).await
    }
}
