//! DetachVolume: a volume from its instance, politely or by force.

use cumulet_engine::api::volume::DetachVolume;

use crate::call::{Answer, Call};
use crate::resources::volume;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let request = DetachVolume {
        volume_id: params.required_id("VolumeId")?,
        instance_id: params.id("InstanceId")?,
        device: params.text("Device").map(str::to_owned),
        force: params.flag("Force")?.unwrap_or(false),
    };
    call.cloud.volume(&request.volume_id).await?;
    call.check_dry_run()?;
    let id = request.volume_id.clone();
    let detaching = call.cloud.detach_volume(request).await?;
    Ok(volume::attachment_xml(&id, &detaching))
}
