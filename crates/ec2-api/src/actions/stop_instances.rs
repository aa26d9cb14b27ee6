//! StopInstances: asks guests to shut down, or with `Force` cuts them off.

use super::shared::instances::{changes_xml, named_instances};
use crate::call::{Answer, Call};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    if params.flag("Hibernate")? == Some(true) {
        return Err(params.unsupported("Hibernate", "is not supported: this cloud does not hibernate instances yet"));
    }
    // Leaving out the guest's shutdown is what force does.
    let force = params.flag("Force")?.unwrap_or(false) || params.flag("SkipOsShutdown")?.unwrap_or(false);
    let ids = named_instances(call).await?;
    Ok(changes_xml(&call.cloud.stop_instances(&ids, force).await?))
}
