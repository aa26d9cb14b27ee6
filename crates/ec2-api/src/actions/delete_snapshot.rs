//! DeleteSnapshot: volumes made from it live on.

use cumulet_model::SnapshotId;

use crate::call::{Answer, Call, done};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let id: SnapshotId = call.params().required_id("SnapshotId")?;
    call.cloud.snapshot(&id).await?;
    call.check_dry_run()?;
    call.cloud.delete_snapshot(&id).await?;
    Ok(done())
}
