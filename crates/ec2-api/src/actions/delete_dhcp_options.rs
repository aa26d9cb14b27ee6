//! DeleteDhcpOptions: a DHCP options set that no VPC uses.

use cumulet_model::DhcpOptionsId;

use crate::call::{Answer, Call, done};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let id: DhcpOptionsId = call.params().required_id("DhcpOptionsId")?;
    call.cloud.check_dhcp_options_unused(&id).await?;
    call.check_dry_run()?;
    call.cloud.delete_dhcp_options(&id).await?;
    Ok(done())
}
