//! DetachInternetGateway: takes a VPC off the internet.

use cumulet_model::{InternetGatewayId, VpcId};

use crate::call::{Answer, Call, done};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let id: InternetGatewayId = params.required_id("InternetGatewayId")?;
    let vpc: VpcId = params.required_id("VpcId")?;
    call.cloud.check_detach_gateway(&id, &vpc).await?;
    call.check_dry_run()?;
    call.cloud.detach_internet_gateway(&id, &vpc).await?;
    Ok(done())
}
