//! CreateRoute: a route of a route table.

use super::shared::routes::route;
use crate::call::{Answer, Call, done};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let request = route(&call.params())?;
    call.cloud.check_create_route(&request).await?;
    call.check_dry_run()?;
    call.cloud.create_route(request).await?;
    Ok(done())
}
