//! `cumulet types`.

use clap::Args;
use cumulet_client::types::instance_type::InstanceTypeList;

use crate::context::Context;
use crate::failure::Result;
use crate::output::Table;

/// List the instance types.
#[derive(Debug, Args)]
pub struct Types {}

impl Types {
    pub async fn run(self, context: &Context) -> Result<()> {
        let instance_types = context.client.instance_types().await?;
        let mut list = InstanceTypeList { instance_types };
        list.instance_types
            .sort_by(|a, b| (a.memory_mib, a.vcpus, &a.name).cmp(&(b.memory_mib, b.vcpus, &b.name)));
        if context.printed_json(&list)? {
            return Ok(());
        }
        let mut table = Table::new(context.paint, &["TYPE", "VCPUS", "MEMORY"]);
        for known in &list.instance_types {
            let memory = match known.memory_mib {
                mib if mib % 1024 == 0 => format!("{} GiB", mib / 1024),
                mib => format!("{mib} MiB"),
            };
            table.row().cell(&known.name).cell(known.vcpus.to_string()).cell(memory);
        }
        table.print()
    }
}
