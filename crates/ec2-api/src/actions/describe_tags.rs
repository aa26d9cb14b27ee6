//! DescribeTags: all tags of all resources by filters and page.

use crate::call::{Answer, Call};
use crate::describe::describe;
use crate::resources::tag;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let picked = describe(call, &tag::KIND, call.cloud.tags()).await?;
    let items = picked.items.iter().map(tag::xml);
    Ok(Xml::new().list("tagSet", items).maybe("nextToken", picked.next_token))
}
