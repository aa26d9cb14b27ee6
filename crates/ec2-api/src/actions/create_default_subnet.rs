//! CreateDefaultSubnet: the default subnet of a zone, when it was deleted.

use cumulet_model::CloudError;

use super::shared::zone::zone;
use crate::call::{Answer, Call};
use crate::resources::subnet;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    if params.flag("Ipv6Native")? == Some(true) {
        return Err(params.unsupported("Ipv6Native", "is not supported: each subnet here has IPv4 addresses"));
    }
    let zone = zone(call)?.ok_or_else(|| CloudError::missing("AvailabilityZone"))?;
    call.check_dry_run()?;
    let made = call.cloud.create_default_subnet(&zone).await?;
    Ok(Xml::new().node("subnet", subnet::xml(&made, &call.facts())))
}
