//! DetachNetworkInterface: an interface from its instance, politely or by force.

use cumulet_model::AttachmentId;

use crate::call::{Answer, Call, done};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let id: AttachmentId = params.required_id("AttachmentId")?;
    let force = params.flag("Force")?.unwrap_or(false);
    call.check_dry_run()?;
    call.cloud.detach_network_interface(&id, force).await?;
    Ok(done())
}
