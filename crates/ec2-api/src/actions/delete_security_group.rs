//! DeleteSecurityGroup: a group that no interface and no other group's rule uses.

use super::shared::groups::named_group;
use crate::call::{Answer, Call, done};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let groups = call.cloud.security_groups().await?;
    let id = named_group(call, &groups).await?;
    call.check_dry_run()?;
    call.cloud.delete_security_group(&id).await?;
    Ok(done().text("groupId", id))
}
