//! `cumulet vpc rm`.

use clap::Args;

use crate::context::Context;
use crate::failure::Result;

/// Delete VPCs that nothing is in any more; what they were made with goes along.
#[derive(Debug, Args)]
pub struct Remove {
    /// The VPCs, by id or name
    #[arg(required = true)]
    vpcs: Vec<String>,
    /// With their internet gateways, own route tables and subnets, if nothing is in those
    #[arg(long)]
    all: bool,
}

impl Remove {
    pub async fn run(self, context: &Context) -> Result<()> {
        for asked in &self.vpcs {
            let vpc = super::find(context, asked).await?.id;
            if self.all {
                empty(context, &vpc).await?;
            }
            context.client.delete_vpc(&vpc).await?;
        }
        context.printed_json(&serde_json::json!({ "removed": self.vpcs })).map(drop)
    }
}

async fn empty(context: &Context, vpc: &str) -> Result<()> {
    let client = &context.client;
    for subnet in client.subnets().await?.into_iter().filter(|subnet| subnet.vpc_id == vpc) {
        client.delete_subnet(&subnet.id).await?;
    }
    for table in client.route_tables().await?.into_iter().filter(|table| table.vpc_id == vpc && !table.main) {
        client.delete_route_table(&table.id).await?;
    }
    for gateway in client.internet_gateways().await? {
        if gateway.vpc_id.as_deref() == Some(vpc) {
            client.delete_internet_gateway(&gateway.id).await?;
        }
    }
    Ok(())
}
