//! DescribeInstanceTypes: the catalogue by name, filters and page.

use crate::call::{Answer, Call};
use crate::describe::describe;
use crate::resources::instance_type::{KIND, xml};
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let all = std::future::ready(Ok(call.cloud.instance_types().to_vec()));
    let picked = describe(call, &KIND, all).await?;
    Ok(Xml::new().list("instanceTypeSet", picked.items.iter().map(xml)).maybe("nextToken", picked.next_token))
}
