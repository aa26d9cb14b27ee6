//! CreateSecurityGroup: a group that lets nothing in and all out.

use cumulet_engine::api::security::CreateSecurityGroup;

use crate::call::{Answer, Call};
use crate::tags::tags_for;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let request = CreateSecurityGroup {
        name: params.required("GroupName")?.to_owned(),
        description: params.required("GroupDescription")?.to_owned(),
        vpc_id: params.id("VpcId")?,
        tags: tags_for(&params, "security-group")?,
    };
    call.check_dry_run()?;
    let group = call.cloud.create_security_group(request).await?;
    let arn = call.facts().arn("security-group", &group.id);
    Ok(Xml::new()
        .text("return", true)
        .text("groupId", &group.id)
        .tags_if_any(&group.tags)
        .text("securityGroupArn", arn))
}
