//! `cumulet subnet create`.

use clap::Args;
use cumulet_client::types::network::CreateSubnet;

use crate::commands::{key_value, vpc};
use crate::context::Context;
use crate::failure::Result;
use crate::output::say;

/// Make a subnet. It uses its VPC's main route table until it is told to use another.
#[derive(Debug, Args)]
pub struct Create {
    /// The VPC, by id or name
    vpc: String,
    /// Its addresses, a part of the VPC's, as in 10.0.0.0/24
    cidr: String,
    /// A name for it, its tag Name
    #[arg(short, long)]
    name: Option<String>,
    /// Its zone [default: the first one]
    #[arg(long)]
    zone: Option<String>,
    /// Its IPv6 addresses, a /64 of the VPC's
    #[arg(long, value_name = "CIDR")]
    ipv6: Option<String>,
    /// Give instances public addresses unless their launch says otherwise
    #[arg(long)]
    public: bool,
    /// A tag; may be given again
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = key_value)]
    tags: Vec<(String, String)>,
}

impl Create {
    pub async fn run(self, context: &Context) -> Result<()> {
        let name = self.name.map(|name| ("Name".to_owned(), name));
        let request = CreateSubnet {
            vpc_id: vpc::find(context, &self.vpc).await?.id,
            cidr: self.cidr,
            ipv6_cidr: self.ipv6,
            zone: self.zone,
            map_public_ip_on_launch: self.public,
            tags: self.tags.into_iter().chain(name).collect(),
        };
        let made = context.client.create_subnet(&request).await?;
        if context.printed_json(&made)? {
            return Ok(());
        }
        say!("{}", made.id)
    }
}
