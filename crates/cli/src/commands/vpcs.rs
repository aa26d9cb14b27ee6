//! `cumulet vpcs`.

use clap::Args;
use cumulet_client::types::network::VpcList;

use crate::context::Context;
use crate::failure::Result;
use crate::output::Table;

/// List the VPCs.
#[derive(Debug, Args)]
pub struct Vpcs {}

impl Vpcs {
    pub async fn run(self, context: &Context) -> Result<()> {
        let list = VpcList { vpcs: context.client.vpcs().await? };
        if context.printed_json(&list)? {
            return Ok(());
        }
        let mut table = Table::new(context.paint, &["ID", "ADDRESSES", "DEFAULT"]);
        for vpc in &list.vpcs {
            table.row().cell(&vpc.id).cell(&vpc.cidr).cell(if vpc.is_default { "yes" } else { "no" });
        }
        table.print()
    }
}
