//! CreateInternetGateway: an internet gateway that is attached to nothing.

use crate::call::{Answer, Call};
use crate::resources::internet_gateway;
use crate::tags::tags_for;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let tags = tags_for(&call.params(), "internet-gateway")?;
    call.check_dry_run()?;
    let made = call.cloud.create_internet_gateway(tags).await?;
    Ok(Xml::new().node("internetGateway", internet_gateway::xml(&made, &call.facts())))
}
