//! DeleteVpc: a VPC that holds nothing but what it was made with.

use cumulet_model::VpcId;

use crate::call::{Answer, Call, done};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let id: VpcId = call.params().required_id("VpcId")?;
    call.cloud.check_vpc_unused(&id).await?;
    call.check_dry_run()?;
    call.cloud.delete_vpc(&id).await?;
    Ok(done())
}
