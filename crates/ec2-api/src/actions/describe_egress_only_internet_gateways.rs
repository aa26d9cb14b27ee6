//! DescribeEgressOnlyInternetGateways: egress-only internet gateways by id, filters and page.

use crate::call::{Answer, Call};
use crate::describe::describe;
use crate::resources::egress_only_gateway;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let picked = describe(call, &egress_only_gateway::KIND, call.cloud.egress_only_gateways()).await?;
    let items = picked.items.iter().map(egress_only_gateway::xml);
    Ok(Xml::new().list("egressOnlyInternetGatewaySet", items).maybe("nextToken", picked.next_token))
}
