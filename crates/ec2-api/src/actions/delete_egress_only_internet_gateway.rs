//! DeleteEgressOnlyInternetGateway: routes to it become blackholes.

use cumulet_model::EgressOnlyGatewayId;

use crate::call::{Answer, Call};
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let id: EgressOnlyGatewayId = call.params().required_id("EgressOnlyInternetGatewayId")?;
    call.cloud.egress_only_gateway(&id).await?;
    call.check_dry_run()?;
    call.cloud.delete_egress_only_gateway(&id).await?;
    Ok(Xml::new().text("returnCode", true))
}
