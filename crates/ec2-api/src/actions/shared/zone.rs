//! An availability zone in requests, by name or by id.

use cumulet_model::{CloudError, ErrorCode};

use crate::call::Call;
use crate::query::shorten;

/// The zone's name by name or by id, if one is given; not both.
pub fn zone(call: &Call) -> Result<Option<String>, CloudError> {
    let params = call.params();
    match (params.text("AvailabilityZone"), params.text("AvailabilityZoneId")) {
        (name, None) => Ok(name.map(str::to_owned)),
        (None, Some(id)) => {
            let zone = call.cloud.region().zones.iter().find(|zone| zone.id == id);
            zone.map(|zone| Some(zone.name.clone())).ok_or_else(|| {
                let text = format!("The zone '{}' does not exist.", shorten(id));
                CloudError::new(ErrorCode::InvalidZoneNotFound, text)
            })
        }
        (Some(_), Some(_)) => Err(CloudError::combination(
            "The parameters AvailabilityZone and AvailabilityZoneId cannot be used together",
        )),
    }
}
