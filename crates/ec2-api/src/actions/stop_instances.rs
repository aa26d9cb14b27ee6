//! StopInstances: asks guests to shut down, or with `Force` cuts them off, or with `Hibernate` keeps their memory.

use cumulet_model::CloudError;

use super::shared::instances::{changes_xml, named_instances};
use crate::call::{Answer, Call};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    // Leaving out the guest's shutdown is what force does.
    let force = params.flag("Force")?.unwrap_or(false) || params.flag("SkipOsShutdown")?.unwrap_or(false);
    let hibernate = params.flag("Hibernate")?.unwrap_or(false);
    if force && hibernate {
        return Err(CloudError::combination("Hibernate can't be given together with Force or SkipOsShutdown"));
    }
    let ids = named_instances(call).await?;
    if hibernate {
        return Ok(changes_xml(&call.cloud.hibernate_instances(&ids).await?));
    }
    Ok(changes_xml(&call.cloud.stop_instances(&ids, force).await?))
}
