//! DisassociateSubnetCidrBlock: takes a subnet's IPv6 range.

use cumulet_model::SubnetCidrAssociationId;

use crate::call::{Answer, Call};
use crate::resources::subnet::range_xml;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let id: SubnetCidrAssociationId = call.params().required_id("AssociationId")?;
    call.cloud.subnet_range(&id).await?;
    call.check_dry_run()?;
    let (subnet, range) = call.cloud.disassociate_subnet_range(&id).await?;
    Ok(Xml::new().node("ipv6CidrBlockAssociation", range_xml(&range, "disassociating")).text("subnetId", subnet))
}
