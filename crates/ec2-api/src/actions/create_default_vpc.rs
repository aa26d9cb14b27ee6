//! CreateDefaultVpc: the default VPC, when it was deleted.

use crate::call::{Answer, Call};
use crate::resources::vpc;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    call.check_dry_run()?;
    let made = call.cloud.create_default_vpc().await?;
    Ok(Xml::new().node("vpc", vpc::xml(&made, &call.facts())))
}
