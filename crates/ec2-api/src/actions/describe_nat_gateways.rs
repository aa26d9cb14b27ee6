//! DescribeNatGateways: NAT gateways by id, filters and page.

use crate::call::{Answer, Call};
use crate::describe::describe;
use crate::resources::nat_gateway;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let picked = describe(call, &nat_gateway::KIND, call.cloud.nat_gateways()).await?;
    let items = picked.items.iter().map(nat_gateway::xml);
    Ok(Xml::new().list("natGatewaySet", items).maybe("nextToken", picked.next_token))
}
