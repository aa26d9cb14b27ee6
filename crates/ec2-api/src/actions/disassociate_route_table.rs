//! DisassociateRouteTable: lets a subnet use the main route table again.

use cumulet_model::RouteTableAssociationId;

use crate::call::{Answer, Call, done};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let id: RouteTableAssociationId = call.params().required_id("AssociationId")?;
    call.cloud.check_disassociate(&id).await?;
    call.check_dry_run()?;
    call.cloud.disassociate_route_table(&id).await?;
    Ok(done())
}
