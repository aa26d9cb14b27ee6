//! DescribeRouteTables: route tables by id, filters and page.

use crate::call::{Answer, Call};
use crate::describe::describe;
use crate::resources::route_table;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let picked = describe(call, &route_table::KIND, call.cloud.route_tables()).await?;
    let facts = call.facts();
    let items = picked.items.iter().map(|table| route_table::xml(table, &facts));
    Ok(Xml::new().list("routeTableSet", items).maybe("nextToken", picked.next_token))
}
