//! `cumulet route rm`.

use clap::Args;

use crate::context::Context;
use crate::failure::Result;

/// Remove a route; the local ones stay.
#[derive(Debug, Args)]
pub struct Remove {
    /// The table: id or name, or a VPC's id for its main one
    table: String,
    /// Where the route is for
    destination: String,
}

impl Remove {
    pub async fn run(self, context: &Context) -> Result<()> {
        let table = super::find(context, &self.table).await?;
        context.client.delete_route(&table.id, &self.destination).await?;
        super::print(context, vec![super::find(context, &table.id).await?])
    }
}
