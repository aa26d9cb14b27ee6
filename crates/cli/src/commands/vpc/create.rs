//! `cumulet vpc create`.

use clap::Args;
use cumulet_client::types::gateway::CreateInternetGateway;
use cumulet_client::types::network::{CreateVpc, Vpc};
use cumulet_client::types::route::CreateRoute;

use crate::commands::key_value;
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::output::say;

/// Make a VPC. Its subnets are made by `cumulet subnet create`.
#[derive(Debug, Args)]
pub struct Create {
    /// Its addresses, a /16 to /28, as in 10.0.0.0/16; two VPCs may use the same
    cidr: String,
    /// A name for it, its tag Name
    #[arg(short, long)]
    name: Option<String>,
    /// An internet gateway, to which its main route table leads
    #[arg(long)]
    internet: bool,
    /// IPv6 addresses, a /56
    #[arg(long)]
    ipv6: bool,
    /// A tag; may be given again
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = key_value)]
    tags: Vec<(String, String)>,
}

impl Create {
    pub async fn run(self, context: &Context) -> Result<()> {
        let name = self.name.map(|name| ("Name".to_owned(), name));
        let tags = self.tags.into_iter().chain(name).collect();
        let request = CreateVpc { cidr: self.cidr, ipv6: self.ipv6, tags };
        let made = context.client.create_vpc(&request).await?;
        if self.internet {
            join_internet(context, &made).await?;
        }
        if context.printed_json(&made)? {
            return Ok(());
        }
        say!("{}", made.id)
    }
}

/// Gives a VPC an internet gateway, and its main route table a route to it for each address family that it has.
async fn join_internet(context: &Context, vpc: &Vpc) -> Result<()> {
    let request = CreateInternetGateway { vpc_id: vpc.id.clone(), ..CreateInternetGateway::default() };
    let gateway = context.client.create_internet_gateway(&request).await?;
    let tables = context.client.route_tables().await?;
    let main = tables.into_iter().find(|table| table.vpc_id == vpc.id && table.main);
    let main = main.ok_or_else(|| Failure::Other(format!("{} has no main route table", vpc.id)))?;
    let all = ["0.0.0.0/0"].into_iter().chain((!vpc.ipv6_cidrs.is_empty()).then_some("::/0"));
    for destination in all {
        let route = CreateRoute { destination: destination.to_owned(), target: gateway.id.clone() };
        context.client.create_route(&main.id, &route).await?;
    }
    Ok(())
}
