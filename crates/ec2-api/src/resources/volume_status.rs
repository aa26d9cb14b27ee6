//! A volume's health as DescribeVolumeStatus shows it: its file is there and can be read, or its loss was noticed.

use cumulet_model::volume::{Volume, VolumeState};

use super::volume;
use crate::call::Facts;
use crate::describe::Kind;
use crate::filter::{FilterTable, many, one, opt};
use crate::paging::USUAL;
use crate::xml::Xml;

/// How volumes' health is described.
pub const KIND: Kind<Volume> = Kind {
    ids: volume::KIND.ids,
    filters: &FilterTable {
        names: &[
            ("availability-zone", |v, _| one(&v.zone)),
            ("availability-zone-id", |v, facts| opt(facts.zone_id(&v.zone))),
            ("volume-status.details-name", |_, _| many(["io-enabled", "io-performance"])),
            ("volume-status.details-status", |v, _| many(details(v))),
            ("volume-status.status", |v, _| one(status(v))),
        ],
        absent: &[
            "action.code",
            "action.description",
            "action.event-id",
            "event.description",
            "event.event-id",
            "event.event-type",
            "event.not-after",
            "event.not-before",
            "operator.managed",
            "operator.principal",
        ],
        tags: None,
    },
    page: Some((USUAL, |volume| volume.id.to_string())),
};

fn status(volume: &Volume) -> &'static str {
    match (volume.state, &volume.reason) {
        (_, Some(_)) | (VolumeState::Error, _) => "impaired",
        (VolumeState::Creating, None) => "insufficient-data",
        _ => "ok",
    }
}

/// Whether it can be read and written, and how fast; the latter is known of types with provisioned figures.
fn details(volume: &Volume) -> [&'static str; 2] {
    match status(volume) {
        "ok" => ["passed", "not-applicable"],
        "impaired" => ["failed", "not-applicable"],
        _ => ["insufficient-data", "not-applicable"],
    }
}

/// A volume's health.
pub fn xml(volume: &Volume, facts: &Facts<'_>) -> Xml {
    let [enabled, performance] = details(volume);
    let detail = |name, status| Xml::new().text("name", name).text("status", status);
    let info = Xml::new()
        .list("details", [detail("io-enabled", enabled), detail("io-performance", performance)])
        .text("status", status(volume));
    let attachment = volume
        .attachment
        .as_ref()
        .map(|held| Xml::new().text("ioPerformance", "not-applicable").text("instanceId", &held.instance_id));
    Xml::new()
        .list("actionsSet", [])
        .text("availabilityZone", &volume.zone)
        .list("eventsSet", [])
        .text("volumeId", &volume.id)
        .node("volumeStatus", info)
        .list("attachmentStatuses", attachment)
        .maybe("availabilityZoneId", facts.zone_id(&volume.zone))
}
