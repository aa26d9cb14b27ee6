//! Volumes on the wire.

use cumulet_api_types::volume as wire;
use cumulet_model::volume::{Volume, VolumeAttachment, VolumeSource};

pub(crate) fn volume_to(volume: Volume) -> wire::Volume {
    wire::Volume {
        id: volume.id.into(),
        size_gib: volume.size.0,
        state: volume.state.as_str().to_owned(),
        created: volume.created,
        zone: volume.zone,
        image_id: match volume.source {
            VolumeSource::Blank => None,
            VolumeSource::Image(id) => Some(id.into()),
            VolumeSource::Branch { .. } | VolumeSource::Snapshot(_) => None,
        },
        attachment: volume.attachment.map(attachment_to),
        tags: volume.tags,
    }
}

fn attachment_to(attachment: VolumeAttachment) -> wire::VolumeAttachment {
    wire::VolumeAttachment {
        instance_id: attachment.instance_id.into(),
        device_name: attachment.device,
        attached: attachment.attached,
        delete_on_termination: attachment.delete_on_termination,
    }
}
