//! DescribeInternetGateways: internet gateways by id, filters and page.

use crate::call::{Answer, Call};
use crate::describe::describe;
use crate::resources::internet_gateway;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let picked = describe(call, &internet_gateway::KIND, call.cloud.internet_gateways()).await?;
    let facts = call.facts();
    let items = picked.items.iter().map(|gateway| internet_gateway::xml(gateway, &facts));
    Ok(Xml::new().list("internetGatewaySet", items).maybe("nextToken", picked.next_token))
}
