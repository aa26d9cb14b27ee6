//! CreateSnapshot: of a volume, also while a guest uses it.

use cumulet_engine::api::volume::CreateSnapshot;

use crate::call::{Answer, Call};
use crate::resources::snapshot;
use crate::tags::tags_for;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    params.refuse(&["OutpostArn"])?;
    params.word("Location", &[("regional", ())])?;
    let request = CreateSnapshot {
        volume_id: params.required_id("VolumeId")?,
        description: params.text("Description").map(str::to_owned),
        tags: tags_for(&params, "snapshot")?,
    };
    call.cloud.volume(&request.volume_id).await?;
    call.check_dry_run()?;
    let taken = call.cloud.create_snapshot(request).await?;
    Ok(snapshot::xml(&taken, &call.facts()))
}
