//! ReplaceRoute: leads a route elsewhere.

use super::shared::routes::route;
use crate::call::{Answer, Call, done};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let request = route(&call.params())?;
    call.cloud.check_replace_route(&request).await?;
    call.check_dry_run()?;
    call.cloud.replace_route(request).await?;
    Ok(done())
}
