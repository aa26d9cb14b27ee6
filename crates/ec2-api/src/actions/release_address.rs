//! ReleaseAddress: an elastic address that leads nowhere goes back to the pool.

use super::shared::addresses::{address_name, check_border_group};
use crate::call::{Answer, Call, done};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    check_border_group(call)?;
    let name = address_name(&params)?;
    call.check_dry_run()?;
    call.cloud.release_address(&name).await?;
    Ok(done())
}
