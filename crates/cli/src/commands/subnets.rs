//! `cumulet subnets`.

use clap::Args;
use cumulet_client::types::network::SubnetList;

use crate::context::Context;
use crate::failure::Result;
use crate::output::Table;

/// List the subnets.
#[derive(Debug, Args)]
pub struct Subnets {}

impl Subnets {
    pub async fn run(self, context: &Context) -> Result<()> {
        let list = SubnetList { subnets: context.client.subnets().await? };
        if context.printed_json(&list)? {
            return Ok(());
        }
        let mut table = Table::new(context.paint, &["ID", "ADDRESSES", "FREE", "ZONE", "DEFAULT", "VPC"]);
        for subnet in &list.subnets {
            table
                .row()
                .cell(&subnet.id)
                .cell(&subnet.cidr)
                .cell(subnet.available_addresses.to_string())
                .cell(&subnet.zone)
                .cell(if subnet.default_for_zone { "yes" } else { "no" })
                .cell(&subnet.vpc_id);
        }
        table.print()
    }
}
