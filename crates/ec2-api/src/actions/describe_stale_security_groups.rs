//! DescribeStaleSecurityGroups: groups with rules for groups of a peer VPC that has gone. VPCs here have no peers, and a
//! group that a rule refers to can't be deleted, so there are none.

use cumulet_model::VpcId;
use cumulet_model::security::SecurityGroup;

use super::shared::groups::vpc_exists;
use crate::call::{Answer, Call};
use crate::describe::{Kind, describe};
use crate::filter::FilterTable;
use crate::paging::USUAL;
use crate::xml::Xml;

const KIND: Kind<SecurityGroup> = Kind {
    ids: None,
    filters: &FilterTable { names: &[], absent: &[], tags: None },
    page: Some((USUAL, |group| group.id.to_string())),
};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let vpc: VpcId = call.params().required_id("VpcId")?;
    vpc_exists(call, &vpc).await?;
    let picked = describe(call, &KIND, std::future::ready(Ok(Vec::new()))).await?;
    Ok(Xml::new().maybe("nextToken", picked.next_token).list("staleSecurityGroupSet", []))
}
