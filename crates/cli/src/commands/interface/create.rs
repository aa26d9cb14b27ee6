//! `cumulet interface create`.

use clap::Args;
use cumulet_client::types::network::CreateNetworkInterface;

use crate::commands::key_value;
use crate::context::Context;
use crate::failure::Result;
use crate::resolve;

/// Make an interface with an address of its own.
#[derive(Debug, Args)]
pub struct Create {
    /// Subnet [default: the default one]
    #[arg(long, value_name = "ID")]
    subnet: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Security group by name or id; may be given again [default: the VPC's default group]
    #[arg(short, long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// A private address of your choice
    #[arg(long, value_name = "ADDRESS")]
    private_ip: Option<String>,
    /// A tag; may be given again
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = key_value)]
    tags: Vec<(String, String)>,
}

impl Create {
    pub async fn run(self, context: &Context) -> Result<()> {
        let mut group_ids = Vec::new();
        for group in &self.groups {
            group_ids.push(resolve::group(&context.client, group).await?.id);
        }
        let request = CreateNetworkInterface {
            subnet_id: self.subnet,
            description: self.description,
            group_ids,
            private_ip: self.private_ip,
            tags: self.tags.into_iter().collect(),
            client_token: None,
        };
        super::print(context, vec![context.client.create_network_interface(&request).await?])
    }
}
