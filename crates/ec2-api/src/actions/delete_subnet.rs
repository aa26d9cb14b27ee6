//! DeleteSubnet: a subnet that no interface is in.

use cumulet_model::SubnetId;

use crate::call::{Answer, Call, done};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let id: SubnetId = call.params().required_id("SubnetId")?;
    call.cloud.check_subnet_unused(&id).await?;
    call.check_dry_run()?;
    call.cloud.delete_subnet(&id).await?;
    Ok(done())
}
