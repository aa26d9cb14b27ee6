//! DeleteRouteTable: a route table that nothing uses.

use cumulet_model::RouteTableId;

use crate::call::{Answer, Call, done};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let id: RouteTableId = call.params().required_id("RouteTableId")?;
    call.cloud.check_route_table_unused(&id).await?;
    call.check_dry_run()?;
    call.cloud.delete_route_table(&id).await?;
    Ok(done())
}
