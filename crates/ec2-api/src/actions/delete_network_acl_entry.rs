//! DeleteNetworkAclEntry: removes an entry by its number.

use cumulet_model::NetworkAclId;

use super::shared::acls::place;
use crate::call::{Answer, Call, done};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let id: NetworkAclId = params.required_id("NetworkAclId")?;
    let (direction, number) = place(&params)?;
    call.cloud.network_acl(&id).await?;
    call.check_dry_run()?;
    call.cloud.delete_acl_entry(&id, direction, number).await?;
    Ok(done())
}
