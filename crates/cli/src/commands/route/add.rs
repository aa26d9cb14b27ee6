//! `cumulet route add`.

use clap::Args;
use cumulet_client::types::route::CreateRoute;

use crate::context::Context;
use crate::failure::Result;

/// Add a route.
#[derive(Debug, Args)]
pub struct Add {
    /// The table: id or name, or a VPC's id for its main one
    table: String,
    /// Where it is for, as in 0.0.0.0/0, or a prefix list's id
    destination: String,
    /// The id of what it leads to: a gateway, a NAT gateway, an interface or an instance
    target: String,
}

impl Add {
    pub async fn run(self, context: &Context) -> Result<()> {
        let table = super::find(context, &self.table).await?;
        let route = CreateRoute { destination: self.destination, target: self.target };
        super::print(context, vec![context.client.create_route(&table.id, &route).await?])
    }
}
