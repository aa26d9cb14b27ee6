//! DescribeManagedPrefixLists: prefix lists by id, filters and page.

use crate::call::{Answer, Call};
use crate::describe::describe;
use crate::resources::prefix_list::{KIND, xml};
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let picked = describe(call, &KIND, call.cloud.prefix_lists()).await?;
    let items = picked.items.iter().map(|list| xml(list, &call.facts()));
    Ok(Xml::new().maybe("nextToken", picked.next_token).list("prefixListSet", items))
}
