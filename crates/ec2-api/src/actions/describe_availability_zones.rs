//! DescribeAvailabilityZones: the region's zones by name, id and filters.

use cumulet_model::place::Zone;
use cumulet_model::{CloudError, ErrorCode};

use crate::call::{Answer, Call};
use crate::describe::{Ids, any_form, describe, select};
use crate::resources::place::{ZONES, zone_xml};
use crate::xml::Xml;

const BY_ID: Ids<Zone> = Ids {
    parameter: "ZoneId",
    of: |zone| zone.id.clone(),
    check: any_form,
    not_found: ErrorCode::InvalidZone,
    noun: "availability zone id",
};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    // There are no zones that an account would have to opt in to.
    let _ = call.params().flag("AllAvailabilityZones")?;
    let picked = describe(call, &ZONES, std::future::ready(of_ids(call))).await?;
    let facts = call.facts();
    Ok(Xml::new().list("availabilityZoneInfo", picked.items.iter().map(|zone| zone_xml(zone, &facts))))
}

fn of_ids(call: &Call) -> Result<Vec<Zone>, CloudError> {
    let ids = call.params().texts(BY_ID.parameter)?;
    let all = call.cloud.region().zones.clone();
    if ids.is_empty() { Ok(all) } else { select(&BY_ID, &ids, all) }
}
