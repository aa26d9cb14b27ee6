//! StartInstances: starts instances that were stopped.

use super::shared::instances::{changes_xml, named_instances};
use crate::call::{Answer, Call};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    call.params().refuse(&["AdditionalInfo"])?;
    let ids = named_instances(call).await?;
    Ok(changes_xml(&call.cloud.start_instances(&ids).await?))
}
