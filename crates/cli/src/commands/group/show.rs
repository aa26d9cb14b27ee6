//! `cumulet group show`.

use clap::Args;

use crate::context::Context;
use crate::failure::Result;
use crate::output::{Table, or_dash, say};
use crate::{resolve, rules};

/// Show a group's rules, in the form that `allow` and `deny` take.
#[derive(Debug, Args)]
pub struct Show {
    /// The group, by name or id
    group: String,
}

impl Show {
    pub async fn run(self, context: &Context) -> Result<()> {
        let group = resolve::group(&context.client, &self.group).await?;
        print(context, &group.id).await
    }
}

/// Prints a group as it now is.
pub async fn print(context: &Context, id: &str) -> Result<()> {
    let group = context.client.security_group(id).await?;
    if context.printed_json(&group)? {
        return Ok(());
    }
    let groups = context.client.security_groups().await?;
    let name_of = |id: &str| {
        let known = groups.iter().find(|known| known.id == id)?;
        // A name is no name where another VPC has it too.
        let unique = groups.iter().filter(|other| other.name == known.name).count() == 1;
        unique.then(|| known.name.clone())
    };
    say!("{} {} in {}: {}", group.name, group.id, group.vpc_id, group.description.escape_debug())?;
    let mut table = Table::new(context.paint, &["RULE", "ID", "DESCRIPTION"]);
    for rule in &group.rules {
        table
            .row()
            .cell(rules::show(rule.direction, &rule.spec, name_of))
            .cell(&rule.id)
            .cell(or_dash(rule.spec.description.as_deref()));
    }
    table.print()
}
