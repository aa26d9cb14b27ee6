//! A snapshot as DescribeSnapshots shows it.

use cumulet_model::snapshot::{Snapshot, SnapshotState};
use cumulet_model::{ErrorCode, SnapshotId};

use crate::call::Facts;
use crate::describe::{Ids, Kind, id_form};
use crate::filter::{FilterTable, one};
use crate::paging::USUAL;
use crate::xml::{Xml, time_text};

/// How snapshots are described.
pub const KIND: Kind<Snapshot> = Kind {
    ids: Some(Ids {
        parameter: "SnapshotId",
        of: |snapshot| snapshot.id.to_string(),
        check: id_form::<SnapshotId>,
        not_found: ErrorCode::InvalidSnapshotNotFound,
        noun: "snapshot",
    }),
    filters: &FilterTable {
        names: &[
            ("description", |s, _| one(&s.description)),
            ("encrypted", |_, _| one(false)),
            ("owner-id", |_, facts| one(facts.account)),
            ("progress", |s, _| one(progress(s))),
            ("snapshot-id", |s, _| one(&s.id)),
            ("start-time", |s, _| one(time_text(s.started))),
            ("status", |s, _| one(s.state.as_str())),
            ("storage-tier", |_, _| one("standard")),
            ("volume-id", |s, _| one(&s.volume_id)),
            ("volume-size", |s, _| one(s.size.0)),
        ],
        absent: &["owner-alias", "transfer-type"],
        tags: Some(|s| &s.tags),
    },
    page: Some((USUAL, |snapshot| snapshot.id.to_string())),
};

fn progress(snapshot: &Snapshot) -> &'static str {
    if snapshot.state == SnapshotState::Completed { "100%" } else { "0%" }
}

/// A snapshot's fields.
pub fn xml(snapshot: &Snapshot, facts: &Facts<'_>) -> Xml {
    let completed = snapshot.ended.filter(|_| snapshot.state == SnapshotState::Completed);
    Xml::new()
        .tags_if_any(&snapshot.tags)
        .text("storageTier", "standard")
        .maybe("completionTime", completed.map(time_text))
        .text("snapshotId", &snapshot.id)
        .text("volumeId", &snapshot.volume_id)
        .text("status", snapshot.state.as_str())
        .maybe("statusMessage", snapshot.message.as_deref())
        .time("startTime", snapshot.started)
        .text("progress", progress(snapshot))
        .text("ownerId", facts.account)
        .text("description", &snapshot.description)
        .text("volumeSize", snapshot.size.0)
        .text("encrypted", false)
}
