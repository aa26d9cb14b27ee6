//! TerminateInstances: ends instances for good.

use super::shared::instances::{changes_xml, named_instances};
use crate::call::{Answer, Call};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    // Both ask for haste, which terminating has anyway.
    let (_, _) = (call.params().flag("Force")?, call.params().flag("SkipOsShutdown")?);
    let ids = named_instances(call).await?;
    Ok(changes_xml(&call.cloud.terminate_instances(&ids).await?))
}
