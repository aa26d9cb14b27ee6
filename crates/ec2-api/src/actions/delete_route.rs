//! DeleteRoute: removes a route from a route table.

use cumulet_model::RouteTableId;

use super::shared::routes::destination;
use crate::call::{Answer, Call, done};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let table: RouteTableId = params.required_id("RouteTableId")?;
    let destination = destination(&params)?;
    call.cloud.check_delete_route(&table, &destination).await?;
    call.check_dry_run()?;
    call.cloud.delete_route(&table, &destination).await?;
    Ok(done())
}
