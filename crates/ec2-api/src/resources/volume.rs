//! A volume as DescribeVolumes shows it.

use cumulet_model::volume::{Volume, VolumeAttachment, VolumeSource};
use cumulet_model::{ErrorCode, SnapshotId, VolumeId};

use crate::call::Facts;
use crate::describe::{Ids, Kind, id_form};
use crate::filter::{FilterTable, one, opt};
use crate::paging::USUAL;
use crate::xml::{Xml, time_text};

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
            ("attachment.status", |v, _| opt(v.attachment.as_ref().map(|a| a.state.as_str()))),
            ("availability-zone", |v, _| one(&v.zone)),
            ("availability-zone-id", |v, facts| opt(facts.zone_id(&v.zone))),
            ("create-time", |v, _| one(time_text(v.created))),
            ("encrypted", |_, _| one(false)),
            ("multi-attach-enabled", |_, _| one(false)),
            ("size", |v, _| one(v.size.0)),
            ("snapshot-id", |v, _| opt(snapshot(v))),
            ("status", |v, _| one(v.state.as_str())),
            ("volume-id", |v, _| one(&v.id)),
            ("volume-type", |v, _| one(v.performance.kind.as_str())),
        ],
        absent: &["fast-restored", "operator.managed", "operator.principal"],
        tags: Some(|v| &v.tags),
    },
    page: Some((USUAL, |volume| volume.id.to_string())),
};

/// The snapshot that a volume was made from.
fn snapshot(volume: &Volume) -> Option<&SnapshotId> {
    match &volume.source {
        VolumeSource::Snapshot(id) => Some(id),
        _ => None,
    }
}

/// A volume's fields.
pub fn xml(volume: &Volume, facts: &Facts<'_>) -> Xml {
    let attachment = volume.attachment.as_ref().map(|attachment| attachment_xml(&volume.id, attachment));
    fields(volume, facts).list("attachmentSet", attachment).text("encrypted", false)
}

/// A volume as CreateVolume answers it, without attachments.
pub fn made_xml(volume: &Volume, facts: &Facts<'_>) -> Xml {
    fields(volume, facts).text("encrypted", false)
}

fn fields(volume: &Volume, facts: &Facts<'_>) -> Xml {
    let performance = &volume.performance;
    Xml::new()
        .maybe("availabilityZoneId", facts.zone_id(&volume.zone))
        .maybe("iops", performance.iops)
        .tags_if_any(&volume.tags)
        .text("volumeType", performance.kind.as_str())
        .text("multiAttachEnabled", false)
        .maybe("throughput", performance.throughput)
        .text("volumeId", &volume.id)
        .text("size", volume.size.0)
        .text("snapshotId", snapshot(volume).map(ToString::to_string).unwrap_or_default())
        .text("availabilityZone", &volume.zone)
        .text("status", volume.state.as_str())
        .time("createTime", volume.created)
}

/// An attachment, in a list or by itself.
pub fn attachment_xml(id: &VolumeId, attachment: &VolumeAttachment) -> Xml {
    Xml::new()
        .text("deleteOnTermination", attachment.delete_on_termination)
        .text("volumeId", id)
        .text("instanceId", &attachment.instance_id)
        .text("device", &attachment.device)
        .text("status", attachment.state.as_str())
        .time("attachTime", attachment.attached)
}
