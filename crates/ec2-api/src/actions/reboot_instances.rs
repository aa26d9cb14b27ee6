//! RebootInstances: asks guests to restart.

use super::shared::instances::named_instances;
use crate::call::{Answer, Call, done};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let ids = named_instances(call).await?;
    call.cloud.reboot_instances(&ids).await?;
    Ok(done())
}
