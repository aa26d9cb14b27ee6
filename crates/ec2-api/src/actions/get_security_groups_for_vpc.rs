//! GetSecurityGroupsForVpc: the groups that interfaces of a VPC can have, which are those of the VPC itself.

use cumulet_model::VpcId;

use super::shared::groups::vpc_exists;
use crate::call::{Answer, Call};
use crate::describe::describe_where;
use crate::resources::group_for_vpc::{KIND, xml};
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let vpc: VpcId = call.params().required_id("VpcId")?;
    vpc_exists(call, &vpc).await?;
    let of_vpc = |group: &cumulet_model::security::SecurityGroup| group.vpc_id == vpc;
    let picked = describe_where(call, &KIND, call.cloud.security_groups(), of_vpc).await?;
    let items = picked.items.iter().map(|group| xml(group, &call.facts()));
    Ok(Xml::new().maybe("nextToken", picked.next_token).list("securityGroupForVpcSet", items))
}
