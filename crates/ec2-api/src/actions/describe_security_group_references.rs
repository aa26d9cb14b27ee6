//! DescribeSecurityGroupReferences: peer VPCs whose groups refer to ours. VPCs here have no peers, so there are none.

use cumulet_model::GroupId;

use super::shared::groups::exists;
use crate::call::{Answer, Call};
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let ids: Vec<GroupId> = call.params().required_ids("GroupId")?;
    let groups = call.cloud.security_groups().await?;
    ids.iter().try_for_each(|id| exists(&groups, id).map(drop))?;
    call.check_dry_run()?;
    Ok(Xml::new().list("securityGroupReferenceSet", []))
}
