//! Volumes on the wire.

use cumulet_api_types::volume as wire;
use cumulet_engine::api::volume::{CreateVolume, ModifyVolume};
use cumulet_model::volume::{Volume, VolumeAttachment, VolumeModification, VolumeSource};
use cumulet_model::volume_type::VolumeType;
use cumulet_model::{CloudError, Gib, VolumeId};

use super::optional_id;

pub(crate) fn volume_to(volume: Volume) -> wire::Volume {
    let (image_id, snapshot_id) = match volume.source {
        VolumeSource::Image(id) => (Some(id.into()), None),
        VolumeSource::Snapshot(id) => (None, Some(id.into())),
        VolumeSource::Blank | VolumeSource::Branch { .. } => (None, None),
    };
    wire::Volume {
        id: volume.id.into(),
        size_gib: volume.size.0,
        state: volume.state.as_str().to_owned(),
        state_reason: volume.reason,
        volume_type: volume.performance.kind.as_str().to_owned(),
        iops: volume.performance.iops,
        throughput_mib: volume.performance.throughput,
        created: volume.created,
        zone: volume.zone,
        image_id,
        snapshot_id,
        attachment: volume.attachment.map(attachment_to),
        tags: volume.tags,
    }
}

pub(crate) fn attachment_to(attachment: VolumeAttachment) -> wire::VolumeAttachment {
    wire::VolumeAttachment {
        instance_id: attachment.instance_id.into(),
        device_name: attachment.device,
        attached: attachment.attached,
        delete_on_termination: attachment.delete_on_termination,
        state: attachment.state.as_str().to_owned(),
    }
}

pub(crate) fn create_from(request: wire::CreateVolume, first_zone: &str) -> Result<CreateVolume, CloudError> {
    Ok(CreateVolume {
        zone: request.zone.unwrap_or_else(|| first_zone.to_owned()),
        size: request.size_gib.map(size_from).transpose()?,
        snapshot_id: optional_id(request.snapshot_id.as_deref())?,
        kind: type_from(request.volume_type.as_deref())?,
        iops: request.iops,
        throughput: request.throughput_mib,
        tags: request.tags,
        client_token: request.client_token,
    })
}

pub(crate) fn modify_from(
    volume_id: VolumeId,
    request: wire::ModifyVolume,
) -> Result<ModifyVolume, CloudError> {
    Ok(ModifyVolume {
        volume_id,
        size: request.size_gib.map(size_from).transpose()?,
        kind: type_from(request.volume_type.as_deref())?,
        iops: request.iops,
        throughput: request.throughput_mib,
    })
}

pub(crate) fn modification_to(modification: VolumeModification) -> wire::VolumeModification {
    wire::VolumeModification {
        volume_id: modification.volume_id.into(),
        state: modification.state.as_str().to_owned(),
        message: modification.message,
        original_size_gib: modification.original.size.0,
        target_size_gib: modification.target.size.0,
        target_volume_type: modification.target.performance.kind.as_str().to_owned(),
    }
}

fn size_from(gib: u64) -> Result<Gib, CloudError> {
    match gib {
        1..=65_536 => Ok(Gib(gib)),
        _ => Err(CloudError::invalid_value(format!("size_gib must be 1 to 65536, not {gib}"))),
    }
}

pub(crate) fn type_from(word: Option<&str>) -> Result<Option<VolumeType>, CloudError> {
    let Some(word) = word else { return Ok(None) };
    let found = VolumeType::ALL.iter().find(|(known, _)| *known == word);
    found.map(|(_, kind)| Some(*kind)).ok_or_else(|| {
        let words: Vec<_> = VolumeType::ALL.iter().map(|(word, _)| *word).collect();
        CloudError::invalid_value(format!("volume_type must be one of {}", words.join(", ")))
    })
}
