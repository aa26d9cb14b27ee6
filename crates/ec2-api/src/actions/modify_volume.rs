//! ModifyVolume: more room, another type, other figures.

use cumulet_engine::api::volume::ModifyVolume;

use super::shared::figures;
use crate::call::{Answer, Call};
use crate::resources::modification;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    figures::refuse_switched_on(&params)?;
    let figures = figures::read(&params)?;
    let request = ModifyVolume {
        volume_id: params.required_id("VolumeId")?,
        size: figures::size(&params, "Size")?,
        kind: figures.kind,
        iops: figures.iops,
        throughput: figures.throughput,
    };
    call.cloud.volume(&request.volume_id).await?;
    call.check_dry_run()?;
    let modification = call.cloud.modify_volume(request).await?;
    Ok(Xml::new().node("volumeModification", modification::xml(&modification)))
}
