//! DeleteVolume: a volume that is attached to nothing.

use cumulet_model::VolumeId;

use crate::call::{Answer, Call, done};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let id: VolumeId = call.params().required_id("VolumeId")?;
    call.cloud.volume(&id).await?;
    call.check_dry_run()?;
    call.cloud.delete_volume(&id).await?;
    Ok(done())
}
