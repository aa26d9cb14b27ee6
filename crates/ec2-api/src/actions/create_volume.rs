//! CreateVolume: a volume by itself, blank or from a snapshot.

use cumulet_engine::api::volume::CreateVolume;
use cumulet_model::CloudError;

use super::shared::figures;
use super::shared::zone::zone;
use crate::call::{Answer, Call};
use crate::resources::volume;
use crate::tags::tags_for;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    params.refuse(&["KmsKeyId", "OutpostArn", "Operator"])?;
    figures::refuse_switched_on(&params)?;
    if params.number::<u32>("VolumeInitializationRate")?.is_some() {
        call.warn("VolumeInitializationRate: a volume here is whole from its first moment on");
    }
    let figures = figures::read(&params)?;
    let request = CreateVolume {
        zone: zone(call)?.ok_or_else(|| CloudError::missing("AvailabilityZone"))?,
        size: figures::size(&params, "Size")?,
        snapshot_id: params.id("SnapshotId")?,
        kind: figures.kind,
        iops: figures.iops,
        throughput: figures.throughput,
        tags: tags_for(&params, "volume")?,
        client_token: params.text("ClientToken").map(str::to_owned),
    };
    call.check_dry_run()?;
    let made = call.cloud.create_volume(request).await?;
    Ok(volume::made_xml(&made, &call.facts()))
}
