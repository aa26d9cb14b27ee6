//! DescribeVpcs: VPCs by id, filters and page.

use crate::call::{Answer, Call};
use crate::describe::describe;
use crate::resources::vpc;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let picked = describe(call, &vpc::KIND, call.cloud.vpcs()).await?;
    let facts = call.facts();
    let items = picked.items.iter().map(|vpc| vpc::xml(vpc, &facts));
    Ok(Xml::new().list("vpcSet", items).maybe("nextToken", picked.next_token))
}
