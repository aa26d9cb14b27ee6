//! DescribeDhcpOptions: DHCP options sets by id, filters and page.

use crate::call::{Answer, Call};
use crate::describe::describe;
use crate::resources::dhcp_options;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let picked = describe(call, &dhcp_options::KIND, call.cloud.dhcp_options()).await?;
    let facts = call.facts();
    let items = picked.items.iter().map(|set| dhcp_options::xml(set, &facts));
    Ok(Xml::new().maybe("nextToken", picked.next_token).list("dhcpOptionsSet", items))
}
