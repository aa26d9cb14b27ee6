//! DescribeSubnets: subnets by id, filters and page.

use crate::call::{Answer, Call};
use crate::describe::describe;
use crate::resources::subnet;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let picked = describe(call, &subnet::KIND, call.cloud.subnets()).await?;
    let facts = call.facts();
    let items = picked.items.iter().map(|subnet| subnet::xml(subnet, &facts));
    Ok(Xml::new().list("subnetSet", items).maybe("nextToken", picked.next_token))
}
