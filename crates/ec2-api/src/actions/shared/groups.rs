//! Security groups that a request names by id or by name.

use cumulet_model::network::Vpc;
use cumulet_model::security::SecurityGroup;
use cumulet_model::{CloudError, ErrorCode, GroupId, VpcId};

use crate::call::Call;

/// The group that `GroupId` or, in the default VPC, `GroupName` names.
pub async fn named_group(call: &Call, groups: &[SecurityGroup]) -> Result<GroupId, CloudError> {
    let params = call.params();
    match (params.id::<GroupId>("GroupId")?, params.text("GroupName")) {
        (Some(id), _) => exists(groups, &id).map(|_| id),
        (None, Some(name)) => {
            let vpcs = call.cloud.vpcs().await?;
            let default = vpcs.iter().find(|vpc: &&Vpc| vpc.is_default);
            let default = default.ok_or_else(|| not_found(name))?;
            by_name(groups, &default.id, name)
        }
        (None, None) => Err(CloudError::missing("GroupId")),
    }
}

/// The group of that id.
pub fn exists<'a>(groups: &'a [SecurityGroup], id: &GroupId) -> Result<&'a SecurityGroup, CloudError> {
    groups.iter().find(|group| group.id == *id).ok_or_else(|| not_found(id.as_str()))
}

/// The id of the group of that name in a VPC.
pub fn by_name(groups: &[SecurityGroup], vpc: &VpcId, name: &str) -> Result<GroupId, CloudError> {
    let found = groups.iter().find(|group| group.name == name && group.vpc_id == *vpc);
    found.map(|group| group.id.clone()).ok_or_else(|| not_found(name))
}

fn not_found(what: &str) -> CloudError {
    CloudError::not_found(ErrorCode::InvalidGroupNotFound, "security group", what)
}

/// Refuses a VPC that is not there.
pub async fn vpc_exists(call: &Call, id: &VpcId) -> Result<(), CloudError> {
    if call.cloud.vpcs().await?.iter().any(|vpc| vpc.id == *id) {
        return Ok(());
    }
    Err(CloudError::not_found(ErrorCode::InvalidVpcIdNotFound, "vpc ID", id))
}
