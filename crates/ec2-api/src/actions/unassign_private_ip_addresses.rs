//! UnassignPrivateIpAddresses: takes secondary private addresses of an interface away.

use cumulet_model::CloudError;

use super::shared::addresses::private_ips;
use crate::call::{Answer, Call, done};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    params.refuse(&["Ipv4Prefix"])?;
    let id = params.required_id("NetworkInterfaceId")?;
    let addresses = private_ips(&params)?;
    if addresses.is_empty() {
        return Err(CloudError::missing("PrivateIpAddress"));
    }
    call.check_dry_run()?;
    call.cloud.unassign_private_addresses(&id, &addresses).await?;
    Ok(done())
}
