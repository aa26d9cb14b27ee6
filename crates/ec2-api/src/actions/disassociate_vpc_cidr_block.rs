//! DisassociateVpcCidrBlock: takes a range from a VPC.

use cumulet_model::VpcCidrAssociationId;

use crate::call::{Answer, Call};
use crate::resources::vpc::associated_xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let id: VpcCidrAssociationId = call.params().required_id("AssociationId")?;
    call.cloud.vpc_range(&id).await?;
    call.check_dry_run()?;
    let (vpc, taken) = call.cloud.disassociate_vpc_range(&id).await?;
    Ok(associated_xml(&taken, "disassociating", &call.facts()).text("vpcId", vpc))
}
