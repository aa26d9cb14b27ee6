//! ReplaceNetworkAclAssociation: guards a subnet by another ACL.

use cumulet_model::{AclAssociationId, NetworkAclId};

use crate::call::{Answer, Call};
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let association: AclAssociationId = params.required_id("AssociationId")?;
    let acl: NetworkAclId = params.required_id("NetworkAclId")?;
    call.cloud.network_acl(&acl).await?;
    call.check_dry_run()?;
    let new = call.cloud.replace_acl_association(&association, &acl).await?;
    Ok(Xml::new().text("newAssociationId", new))
}
