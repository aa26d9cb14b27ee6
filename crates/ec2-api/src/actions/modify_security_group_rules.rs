//! ModifySecurityGroupRules: changes what rules allow; they keep their ids.

use cumulet_engine::api::security::RuleChange;
use cumulet_model::security::{Peer, RuleSpec, Traffic};
use cumulet_model::{CloudError, GroupId};

use crate::call::{Answer, Call, done};
use crate::query::Params;
use crate::resources::permission::{cidr, cidr6};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let group: GroupId = params.required_id("GroupId")?;
    let changes = params.structures("SecurityGroupRule")?;
    let changes: Vec<_> = changes.iter().map(change).collect::<Result<_, _>>()?;
    super::shared::groups::exists(&call.cloud.security_groups().await?, &group)?;
    call.check_dry_run()?;
    call.cloud.modify_rules(&group, changes).await?;
    Ok(done())
}

fn change(params: &Params<'_>) -> Result<RuleChange, CloudError> {
    let rule = params.structure("SecurityGroupRule");
    let protocol = rule.required("IpProtocol")?;
    let traffic = Traffic::parse(protocol, rule.number("FromPort")?, rule.number("ToPort")?)?;
    Ok(RuleChange {
        id: params.required_id("SecurityGroupRuleId")?,
        spec: RuleSpec { traffic, peer: peer(&rule)? },
        description: rule.text("Description").map(str::to_owned),
    })
}

/// The one peer that is given.
fn peer(rule: &Params<'_>) -> Result<Peer, CloudError> {
    let peers = [
        rule.text("CidrIpv4").map(|text| cidr(text).map(Peer::Cidr)).transpose()?,
        rule.text("CidrIpv6").map(|text| cidr6(text).map(Peer::Cidr6)).transpose()?,
        rule.id("PrefixListId")?.map(Peer::PrefixList),
        rule.id("ReferencedGroupId")?.map(Peer::Group),
    ];
    let mut given = peers.into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(peer), None) => Ok(peer),
        (None, _) => Err(CloudError::missing(&rule.name_of("CidrIpv4"))),
        (Some(_), Some(_)) => Err(CloudError::combination(
            "A rule has exactly one of CidrIpv4, CidrIpv6, PrefixListId and ReferencedGroupId",
        )),
    }
}
