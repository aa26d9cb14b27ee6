//! `cumulet route table`.

use clap::Args;
use cumulet_client::types::route::CreateRouteTable;

use crate::commands::{subnet, vpc};
use crate::context::Context;
use crate::failure::Result;

/// Make a route table, and have subnets use it.
#[derive(Debug, Args)]
pub struct Table {
    /// Its VPC, by id or name
    vpc: String,
    /// A name for it, its tag Name
    #[arg(short, long)]
    name: Option<String>,
    /// A subnet that shall use it, by id or name; may be given again
    #[arg(long = "subnet", value_name = "SUBNET")]
    subnets: Vec<String>,
}

impl Table {
    pub async fn run(self, context: &Context) -> Result<()> {
        let mut subnets = Vec::new();
        for asked in &self.subnets {
            subnets.push(subnet::find(context, asked).await?.id);
        }
        let request = CreateRouteTable {
            vpc_id: vpc::find(context, &self.vpc).await?.id,
            tags: self.name.map(|name| ("Name".to_owned(), name)).into_iter().collect(),
        };
        let mut table = context.client.create_route_table(&request).await?;
        for subnet in &subnets {
            table = context.client.associate_route_table(&table.id, subnet).await?;
        }
        super::print(context, vec![table])
    }
}
