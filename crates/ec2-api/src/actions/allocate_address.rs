//! AllocateAddress: an elastic address of the public pool, the next one or one of the caller's choice.

use super::shared::addresses::{ADDRESS, check_border_group};
use crate::call::{Answer, Call};
use crate::resources::address::POOL;
use crate::tags::tags_for;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    params.refuse(&["CustomerOwnedIpv4Pool", "IpamPoolId"])?;
    params.word("Domain", &[("vpc", ())])?;
    let region = &call.facts().region.name;
    if let Some(text) = params.text("PublicIpv4Pool").filter(|text| *text != POOL) {
        return Err(params.invalid("PublicIpv4Pool", text, &format!("this cloud has {POOL} alone")));
    }
    check_border_group(call)?;
    let wanted = params.parsed("Address", ADDRESS)?;
    let tags = tags_for(&params, "elastic-ip")?;
    call.check_dry_run()?;
    let address = call.cloud.allocate_address(wanted, tags).await?;
    let start = Xml::new().text("allocationId", &address.id).text("publicIpv4Pool", POOL);
    Ok(start.text("networkBorderGroup", region).text("domain", "vpc").text("publicIp", address.public_ip))
}
