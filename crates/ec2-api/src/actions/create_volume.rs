//! CreateVolume: a volume by itself, blank or from a snapshot.

use cumulet_engine::api::volume::CreateVolume;
use cumulet_model::{CloudError, ErrorCode};

use super::shared::figures;
use crate::call::{Answer, Call};
use crate::query::shorten;
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
        zone: zone(call)?,
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

/// The zone by name or by id; one of both.
fn zone(call: &Call) -> Result<String, CloudError> {
    let params = call.params();
    match (params.text("AvailabilityZone"), params.text("AvailabilityZoneId")) {
        (Some(name), None) => Ok(name.to_owned()),
        (None, Some(id)) => {
            let zone = call.cloud.region().zones.iter().find(|zone| zone.id == id);
            zone.map(|zone| zone.name.clone()).ok_or_else(|| {
                let text = format!("The zone '{}' does not exist.", shorten(id));
                CloudError::new(ErrorCode::InvalidZoneNotFound, text)
            })
        }
        (Some(_), Some(_)) => Err(CloudError::combination(
            "The parameters AvailabilityZone and AvailabilityZoneId cannot be used together",
        )),
        (None, None) => Err(CloudError::missing("AvailabilityZone")),
    }
}
