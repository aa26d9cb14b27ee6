//! DescribeSecurityGroups: groups by id, name, filters and page.

use cumulet_model::security::SecurityGroup;
use cumulet_model::{CloudError, ErrorCode};

use crate::call::{Answer, Call};
use crate::describe::{Ids, any_form, describe, select};
use crate::resources::group::{KIND, xml};
use crate::xml::Xml;

const BY_NAME: Ids<SecurityGroup> = Ids {
    parameter: "GroupName",
    of: |group| group.name.clone(),
    check: any_form,
    not_found: ErrorCode::InvalidGroupNotFound,
    noun: "security group",
};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let picked = describe(call, &KIND, of_names(call)).await?;
    let facts = call.facts();
    let items = picked.items.iter().map(|group| xml(group, &facts));
    Ok(Xml::new().maybe("nextToken", picked.next_token).list("securityGroupInfo", items))
}

async fn of_names(call: &Call) -> Result<Vec<SecurityGroup>, CloudError> {
    let names = call.params().texts(BY_NAME.parameter)?;
    let all = call.cloud.security_groups().await?;
    if names.is_empty() { Ok(all) } else { select(&BY_NAME, &names, all) }
}
