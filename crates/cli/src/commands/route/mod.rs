//! `cumulet route …`.

mod add;
mod list;
mod remove;
mod table;

use clap::Subcommand;
use cumulet_client::types::route::{RouteTable, RouteTableList};

use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::output::{Colour, Table as Shown};

/// Route tables and routes.
#[derive(Debug, Subcommand)]
pub enum Route {
    /// List route tables with their routes
    Ls(list::List),
    /// Make a route table, for subnets if wanted
    Table(table::Table),
    /// Add a route
    Add(add::Add),
    /// Remove a route
    Rm(remove::Remove),
}

impl Route {
    pub async fn run(self, context: &Context) -> Result<()> {
        match self {
            Self::Ls(command) => command.run(context).await,
            Self::Table(command) => command.run(context).await,
            Self::Add(command) => command.run(context).await,
            Self::Rm(command) => command.run(context).await,
        }
    }
}

/// The table that `asked` means: by id, by its tag `Name`, or a VPC's main one by the VPC's id.
async fn find(context: &Context, asked: &str) -> Result<RouteTable> {
    let is_meant = |table: &RouteTable| {
        table.id == asked
            || (table.main && table.vpc_id == asked)
            || table.tags.get("Name").map(String::as_str) == Some(asked)
    };
    let mut found: Vec<_> = context.client.route_tables().await?.into_iter().filter(is_meant).collect();
    match found.len() {
        0 => Err(Failure::NotFound(format!("no route table has the id, the name or the VPC {asked:?}"))),
        1 => Ok(found.swap_remove(0)),
        _ => Err(Failure::Other(format!("{asked:?} is the name of several route tables"))),
    }
}

/// Prints tables, a line for each route, or JSON where that was asked for.
fn print(context: &Context, route_tables: Vec<RouteTable>) -> Result<()> {
    let list = RouteTableList { route_tables };
    if context.printed_json(&list)? {
        return Ok(());
    }
    let mut shown = Shown::new(context.paint, &["TABLE", "VPC", "FOR", "DESTINATION", "TARGET", "STATE"]);
    for table in &list.route_tables {
        let mut users: Vec<&str> = table.subnet_ids.iter().map(String::as_str).collect();
        if table.main {
            users.insert(0, "main");
        }
        for route in &table.routes {
            let (colour, state) =
                if route.active { (Colour::Green, "active") } else { (Colour::Red, "blackhole") };
            shown
                .row()
                .cell(&table.id)
                .cell(&table.vpc_id)
                .cell(if users.is_empty() { "-".to_owned() } else { users.join(",") })
                .cell(&route.destination)
                .cell(&route.target)
                .coloured(colour, state);
        }
    }
    shown.print()
}
