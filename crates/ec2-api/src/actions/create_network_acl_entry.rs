//! CreateNetworkAclEntry: an entry with a number that no other has.

use cumulet_model::NetworkAclId;

use super::shared::acls::entry;
use crate::call::{Answer, Call, done};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let id: NetworkAclId = params.required_id("NetworkAclId")?;
    let entry = entry(&params)?;
    call.cloud.network_acl(&id).await?;
    call.check_dry_run()?;
    call.cloud.create_acl_entry(&id, entry).await?;
    Ok(done())
}
