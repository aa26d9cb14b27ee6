//! AssociateSubnetCidrBlock: an IPv6 range for a subnet.

use cumulet_model::SubnetId;

use super::shared::ranges::required_cidr;
use crate::call::{Answer, Call};
use crate::resources::subnet::range_xml;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    params.refuse(&["Ipv6IpamPoolId", "Ipv6NetmaskLength"])?;
    let id: SubnetId = params.required_id("SubnetId")?;
    let cidr = required_cidr(&params, "Ipv6CidrBlock")?;
    call.check_dry_run()?;
    let range = call.cloud.associate_subnet_range(&id, cidr).await?;
    Ok(Xml::new().node("ipv6CidrBlockAssociation", range_xml(&range, "associating")).text("subnetId", id))
}
