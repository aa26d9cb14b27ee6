//! A volume's modification as DescribeVolumesModifications shows it.

use cumulet_model::volume::{ModificationState, VolumeModification};
use cumulet_model::{ErrorCode, VolumeId};

use crate::describe::{Ids, Kind, id_form};
use crate::filter::{FilterTable, one, opt};
use crate::paging::{Bounds, USUAL};
use crate::xml::{Xml, time_text};

/// How modifications are described.
pub const KIND: Kind<VolumeModification> = Kind {
    ids: Some(Ids {
        parameter: "VolumeId",
        of: |modification| modification.volume_id.to_string(),
        check: id_form::<VolumeId>,
        not_found: ErrorCode::VolumeModificationNotFound,
        noun: "modification of volume",
    }),
    filters: &FilterTable {
        names: &[
            ("modification-state", |m, _| one(m.state.as_str())),
            ("original-iops", |m, _| opt(m.original.performance.iops)),
            ("original-size", |m, _| one(m.original.size.0)),
            ("original-volume-type", |m, _| one(m.original.performance.kind.as_str())),
            ("originalMultiAttachEnabled", |_, _| one(false)),
            ("start-time", |m, _| one(time_text(m.started))),
            ("target-iops", |m, _| opt(m.target.performance.iops)),
            ("target-size", |m, _| one(m.target.size.0)),
            ("target-volume-type", |m, _| one(m.target.performance.kind.as_str())),
            ("targetMultiAttachEnabled", |_, _| one(false)),
            ("volume-id", |m, _| one(&m.volume_id)),
        ],
        absent: &[],
        tags: None,
    },
    page: Some((Bounds { min: 1, max: USUAL.max }, |modification| modification.volume_id.to_string())),
};

/// A modification's fields.
pub fn xml(modification: &VolumeModification) -> Xml {
    let (original, target) = (&modification.original, &modification.target);
    let progress = if modification.state == ModificationState::Completed { 100 } else { 0 };
    let end = Xml::new()
        .text("volumeId", &modification.volume_id)
        .text("modificationState", modification.state.as_str())
        .maybe("statusMessage", modification.message.as_deref())
        .text("targetSize", target.size.0)
        .maybe("targetIops", target.performance.iops)
        .text("targetVolumeType", target.performance.kind.as_str())
        .maybe("targetThroughput", target.performance.throughput)
        .text("targetMultiAttachEnabled", false)
        .text("originalSize", original.size.0)
        .maybe("originalIops", original.performance.iops)
        .text("originalVolumeType", original.performance.kind.as_str())
        .maybe("originalThroughput", original.performance.throughput)
        .text("originalMultiAttachEnabled", false)
        .text("progress", progress)
        .time("startTime", modification.started);
    end.maybe("endTime", modification.ended.map(time_text))
}
