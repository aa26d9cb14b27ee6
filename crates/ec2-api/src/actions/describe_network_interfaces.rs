//! DescribeNetworkInterfaces: network interfaces by id, filters and page.

use crate::call::{Answer, Call};
use crate::describe::describe;
use crate::resources::interface;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let picked = describe(call, &interface::KIND, call.cloud.network_interfaces()).await?;
    let facts = call.facts();
    let items = picked.items.iter().map(|eni| interface::xml(eni, &facts));
    Ok(Xml::new().list("networkInterfaceSet", items).maybe("nextToken", picked.next_token))
}
