//! DeleteInternetGateway: an internet gateway that is attached to nothing.

use cumulet_model::InternetGatewayId;

use crate::call::{Answer, Call, done};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let id: InternetGatewayId = call.params().required_id("InternetGatewayId")?;
    call.cloud.check_gateway_unused(&id).await?;
    call.check_dry_run()?;
    call.cloud.delete_internet_gateway(&id).await?;
    Ok(done())
}
