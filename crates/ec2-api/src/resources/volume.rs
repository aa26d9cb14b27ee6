//! A volume as DescribeVolumes shows it.

use cumulet_model::volume::{Volume, VolumeAttachment};
use cumulet_model::{ErrorCode, VolumeId};

use crate::call::Facts;
use crate::describe::{Ids, Kind, id_form};
use crate::filter::{FilterTable, one, opt};
use crate::paging::USUAL;
use crate::xml::{Xml, time_text};

/// EC2's volume type without promised figures, which is what a file on the host's disk is.
pub const VOLUME_TYPE: &str = "standard";

/// How volumes are described.
pub const KIND: Kind<Volume> = Kind {
    ids: Some(Ids {
        parameter: "VolumeId",
        of: |volume| volume.id.to_string(),
        check: id_form::<VolumeId>,
        not_found: ErrorCode::InvalidVolumeNotFound,
        noun: "volume",
    }),
    filters: &FilterTable {
        names: &[
            ("attachment.attach-time", |v, _| opt(v.attachment.as_ref().map(|a| time_text(a.attached)))),
            ("attachment.delete-on-termination", |v, _| {
                opt(v.attachment.as_ref().map(|a| a.delete_on_termination))
            }),
            ("attachment.device", |v, _| opt(v.attachment.as_ref().map(|a| &a.device))),
            ("attachment.instance-id", |v, _| opt(v.attachment.as_ref().map(|a| &a.instance_id))),
            ("attachment.status", |v, _| opt(v.attachment.as_ref().map(|_| "attached"))),
            ("availability-zone", |v, _| one(&v.zone)),
            ("availability-zone-id", |v, facts| opt(facts.zone_id(&v.zone))),
            ("create-time", |v, _| one(time_text(v.created))),
            ("encrypted", |_, _| one(false)),
            ("multi-attach-enabled", |_, _| one(false)),
            ("size", |v, _| one(v.size.0)),
            ("status", |v, _| one(v.state.as_str())),
            ("volume-id", |v, _| one(&v.id)),
            ("volume-type", |_, _| one(VOLUME_TYPE)),
        ],
        absent: &["fast-restored", "operator.managed", "operator.principal", "snapshot-id"],
        tags: Some(|v| &v.tags),
    },
    page: Some((USUAL, |volume| volume.id.to_string())),
};

/// A volume's fields.
pub fn xml(volume: &Volume, facts: &Facts<'_>) -> Xml {
    Xml::new()
        .maybe("availabilityZoneId", facts.zone_id(&volume.zone))
        .tags_if_any(&volume.tags)
        .text("volumeType", VOLUME_TYPE)
        .text("multiAttachEnabled", false)
        .text("volumeId", &volume.id)
        .text("size", volume.size.0)
        .text("snapshotId", "")
        .text("availabilityZone", &volume.zone)
        .text("status", volume.state.as_str())
        .time("createTime", volume.created)
        .list(
            "attachmentSet",
            volume.attachment.as_ref().map(|attachment| attachment_xml(volume, attachment)),
        )
        .text("encrypted", false)
}

fn attachment_xml(volume: &Volume, attachment: &VolumeAttachment) -> Xml {
    Xml::new()
        .text("deleteOnTermination", attachment.delete_on_termination)
        .text("volumeId", &volume.id)
        .text("instanceId", &attachment.instance_id)
        .text("device", &attachment.device)
        .text("status", "attached")
        .time("attachTime", attachment.attached)
}
