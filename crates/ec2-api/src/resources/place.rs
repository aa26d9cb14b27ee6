//! Regions and availability zones.

use cumulet_model::ErrorCode;
use cumulet_model::place::{Region, Zone};

use crate::call::Facts;
use crate::describe::{Ids, Kind, any_form};
use crate::filter::{FilterTable, one};
use crate::xml::Xml;

/// A region with the endpoint by which this client reached it.
pub struct ReachedRegion {
    /// The region.
    pub region: Region,
    /// Host and port.
    pub endpoint: String,
}

const NO_OPT_IN: &str = "opt-in-not-required";

/// How regions are described.
pub const REGIONS: Kind<ReachedRegion> = Kind {
    ids: Some(Ids {
        parameter: "RegionName",
        of: |reached| reached.region.name.clone(),
        check: any_form,
        not_found: ErrorCode::InvalidParameterValue,
        noun: "region",
    }),
    filters: &FilterTable {
        names: &[
            ("endpoint", |r, _| one(&r.endpoint)),
            ("opt-in-status", |_, _| one(NO_OPT_IN)),
            ("region-name", |r, _| one(&r.region.name)),
        ],
        absent: &[],
        tags: None,
    },
    page: None,
};

/// How zones are described.
pub const ZONES: Kind<Zone> = Kind {
    ids: Some(Ids {
        parameter: "ZoneName",
        of: |zone| zone.name.clone(),
        check: any_form,
        not_found: ErrorCode::InvalidZone,
        noun: "availability zone",
    }),
    filters: &FilterTable {
        names: &[
            ("group-name", |_, facts| one(zone_group(facts))),
            ("opt-in-status", |_, _| one(NO_OPT_IN)),
            ("region-name", |_, facts| one(&facts.region.name)),
            ("state", |_, _| one("available")),
            ("zone-id", |z, _| one(&z.id)),
            ("zone-name", |z, _| one(&z.name)),
            ("zone-type", |_, _| one("availability-zone")),
        ],
        absent: &["group-long-name", "message", "parent-zone-id", "parent-zone-name"],
        tags: None,
    },
    page: None,
};

fn zone_group(facts: &Facts<'_>) -> String {
    format!("{}-zg-1", facts.region.name)
}

/// A region's fields.
pub fn region_xml(reached: &ReachedRegion) -> Xml {
    Xml::new()
        .text("optInStatus", NO_OPT_IN)
        .text("regionName", &reached.region.name)
        .text("regionEndpoint", &reached.endpoint)
}

/// A zone's fields.
pub fn zone_xml(zone: &Zone, facts: &Facts<'_>) -> Xml {
    Xml::new()
        .text("optInStatus", NO_OPT_IN)
        .list("messageSet", [])
        .text("regionName", &facts.region.name)
        .text("zoneName", &zone.name)
        .text("zoneId", &zone.id)
        .text("groupName", zone_group(facts))
        .text("networkBorderGroup", &facts.region.name)
        .text("zoneType", "availability-zone")
        .text("zoneState", "available")
}
