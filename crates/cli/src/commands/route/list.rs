//! `cumulet route ls`.

use clap::Args;

use crate::commands::vpc;
use crate::context::Context;
use crate::failure::Result;

/// List route tables with their routes.
#[derive(Debug, Args)]
pub struct List {
    /// Only those of this VPC, by id or name
    #[arg(long)]
    vpc: Option<String>,
}

impl List {
    pub async fn run(self, context: &Context) -> Result<()> {
        let mut tables = context.client.route_tables().await?;
        if let Some(asked) = &self.vpc {
            let vpc = vpc::find(context, asked).await?.id;
            tables.retain(|table| table.vpc_id == vpc);
        }
        super::print(context, tables)
    }
}
