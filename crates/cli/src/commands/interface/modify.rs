//! `cumulet interface modify`.

use clap::{ArgAction, Args};
use cumulet_client::types::network::ModifyNetworkInterface;

use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::resolve;

/// Change an interface; it holds at once.
#[derive(Debug, Args)]
pub struct Modify {
    /// The interface's id
    interface: String,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Security groups by name or id, in place of those that it has; may be given again
    #[arg(short, long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// Whether it is held to its own address
    #[arg(long, value_name = "YES", action = ArgAction::Set)]
    source_dest_check: Option<bool>,
    /// Whether it goes with the instance that it is attached to
    #[arg(long, value_name = "YES", action = ArgAction::Set)]
    delete_on_termination: Option<bool>,
}

impl Modify {
    pub async fn run(self, context: &Context) -> Result<()> {
        let mut groups = Vec::new();
        for group in &self.groups {
            groups.push(resolve::group(&context.client, group).await?.id);
        }
        let request = ModifyNetworkInterface {
            description: self.description,
            group_ids: (!groups.is_empty()).then_some(groups),
            source_dest_check: self.source_dest_check,
            delete_on_termination: self.delete_on_termination,
        };
        if request == ModifyNetworkInterface::default() {
            return Err(Failure::Usage("nothing to change was given".into()));
        }
        super::print(context, vec![context.client.modify_network_interface(&self.interface, &request).await?])
    }
}
