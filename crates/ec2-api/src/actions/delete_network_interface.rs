//! DeleteNetworkInterface: an interface that is attached to nothing.

use cumulet_model::InterfaceId;

use crate::call::{Answer, Call, done};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let id: InterfaceId = call.params().required_id("NetworkInterfaceId")?;
    call.cloud.network_interface(&id).await?;
    call.check_dry_run()?;
    call.cloud.delete_network_interface(&id).await?;
    Ok(done())
}
