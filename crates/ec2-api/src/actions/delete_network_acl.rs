//! DeleteNetworkAcl: an ACL that guards no subnet and is no default one.

use cumulet_model::NetworkAclId;

use crate::call::{Answer, Call, done};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let id: NetworkAclId = call.params().required_id("NetworkAclId")?;
    call.cloud.network_acl(&id).await?;
    call.check_dry_run()?;
    call.cloud.delete_network_acl(&id).await?;
    Ok(done())
}
