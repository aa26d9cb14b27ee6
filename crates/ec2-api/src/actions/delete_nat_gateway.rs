//! DeleteNatGateway: routes to it become blackholes.

use cumulet_model::NatGatewayId;

use crate::call::{Answer, Call};
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let id: NatGatewayId = call.params().required_id("NatGatewayId")?;
    call.cloud.deletable_nat_gateway(&id).await?;
    call.check_dry_run()?;
    call.cloud.delete_nat_gateway(&id).await?;
    Ok(Xml::new().text("natGatewayId", id))
}
