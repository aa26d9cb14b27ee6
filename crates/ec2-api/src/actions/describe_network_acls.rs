//! DescribeNetworkAcls: network ACLs by id, filters and page.

use crate::call::{Answer, Call};
use crate::describe::describe;
use crate::resources::acl::{KIND, xml};
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let picked = describe(call, &KIND, call.cloud.network_acls()).await?;
    let items = picked.items.iter().map(|acl| xml(acl, &call.facts()));
    Ok(Xml::new().list("networkAclSet", items).maybe("nextToken", picked.next_token))
}
