//! DescribeInstanceTypeOfferings: which types can be launched where, which is all of them everywhere.

use crate::call::{Answer, Call};
use crate::describe::{Kind, describe};
use crate::filter::{FilterTable, one};
use crate::paging::USUAL;
use crate::xml::Xml;

struct Offering {
    kind: String,
    location_type: &'static str,
    location: String,
}

const KIND: Kind<Offering> = Kind {
    ids: None,
    filters: &FilterTable {
        names: &[("instance-type", |o, _| one(&o.kind)), ("location", |o, _| one(&o.location))],
        absent: &[],
        tags: None,
    },
    page: Some((USUAL, |offering| format!("{} {}", offering.kind, offering.location))),
};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let words = [
        ("region", "region"),
        ("availability-zone", "availability-zone"),
        ("availability-zone-id", "availability-zone-id"),
        ("outpost", "outpost"),
    ];
    let location_type = call.params().word("LocationType", &words)?.unwrap_or("region");
    let region = call.cloud.region();
    let locations: Vec<String> = match location_type {
        "region" => vec![region.name.clone()],
        "availability-zone" => region.zones.iter().map(|zone| zone.name.clone()).collect(),
        "availability-zone-id" => region.zones.iter().map(|zone| zone.id.clone()).collect(),
        _ => Vec::new(),
    };
    let offer = |kind: &str, location: &String| Offering { kind: kind.into(), location_type, location: location.clone() };
    let types = call.cloud.instance_types().iter();
    let all = types.flat_map(|kind| locations.iter().map(move |location| offer(&kind.name, location))).collect();
    let picked = describe(call, &KIND, std::future::ready(Ok(all))).await?;
    let items = picked.items.iter().map(|offering| {
        Xml::new()
            .text("instanceType", &offering.kind)
            .text("locationType", offering.location_type)
            .text("location", &offering.location)
    });
    Ok(Xml::new().list("instanceTypeOfferingSet", items).maybe("nextToken", picked.next_token))
}
