//! CreateEgressOnlyInternetGateway: lets IPv6 connections out of a VPC and none in.

use cumulet_engine::api::vpc::CreateEgressOnlyGateway;

use crate::call::{Answer, Call};
use crate::resources::egress_only_gateway;
use crate::tags::tags_for;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let request = CreateEgressOnlyGateway {
        vpc_id: params.required_id("VpcId")?,
        tags: tags_for(&params, "egress-only-internet-gateway")?,
        client_token: params.text("ClientToken").map(str::to_owned),
    };
    call.check_dry_run()?;
    let token = request.client_token.clone();
    let made = call.cloud.create_egress_only_gateway(request).await?;
    let answer = Xml::new().maybe("clientToken", token);
    Ok(answer.node("egressOnlyInternetGateway", egress_only_gateway::xml(&made)))
}
