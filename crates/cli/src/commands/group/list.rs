//! `cumulet group ls`.

use cumulet_client::types::security_group::{Direction, SecurityGroupList};

use crate::context::Context;
use crate::failure::Result;
use crate::output::Table;

/// Lists groups.
pub async fn run(context: &Context) -> Result<()> {
    let list = SecurityGroupList { security_groups: context.client.security_groups().await? };
    if context.printed_json(&list)? {
        return Ok(());
    }
    let mut table = Table::new(context.paint, &["NAME", "ID", "VPC", "IN", "OUT", "DESCRIPTION"]);
    for group in &list.security_groups {
        let count = |direction: Direction| {
            group.rules.iter().filter(|rule| rule.direction == direction).count().to_string()
        };
        table
            .row()
            .cell(&group.name)
            .cell(&group.id)
            .cell(&group.vpc_id)
            .cell(count(Direction::Ingress))
            .cell(count(Direction::Egress))
            .cell(&group.description);
    }
    table.print()
}
