//! The actions that add, remove and describe rules of security groups.

use cumulet_engine::api::security::{
    AuthorizeRules, DescribedRules, RevokeRules, Revoked, UpdateRuleDescriptions,
};
use cumulet_model::security::{Direction, SecurityGroup};
use cumulet_model::{CloudError, GroupId, RuleId};

use super::groups::{by_name, exists, named_group};
use crate::call::{Answer, Call, done};
use crate::query::Params;
use crate::resources::permission::{self, Asked};
use crate::resources::rule;
use crate::tags::tags_for;

/// AuthorizeSecurityGroupIngress and -Egress.
pub async fn authorize(call: &Call, direction: Direction) -> Answer {
    let groups = call.cloud.security_groups().await?;
    let group_id = named_group(call, &groups).await?;
    let rules = read_rules(call, &groups, &group_id)?;
    let tags = tags_for(&call.params(), "security-group-rule")?;
    call.check_dry_run()?;
    let request = AuthorizeRules { group_id, direction, rules, tags };
    let made = call.cloud.authorize_rules(request).await?;
    let facts = call.facts();
    Ok(done().list("securityGroupRuleSet", made.iter().map(|made| rule::xml(made, &groups, &facts))))
}

/// RevokeSecurityGroupIngress and -Egress. In the default VPC a rule that is not there is told in the answer, in others it
/// is `InvalidPermission.NotFound` (EC2 API reference, RevokeSecurityGroupIngress).
pub async fn revoke(call: &Call, direction: Direction) -> Answer {
    let groups = call.cloud.security_groups().await?;
    let group_id = named_group(call, &groups).await?;
    let ids: Vec<RuleId> = call.params().ids("SecurityGroupRuleId")?;
    let mut asked = Vec::new();
    let which = if ids.is_empty() {
        asked = read_rules(call, &groups, &group_id)?.into_iter().map(|(spec, _)| spec).collect();
        match in_default_vpc(call, exists(&groups, &group_id)?).await? {
            true => Revoked::SpecsIfThere(asked.clone()),
            false => Revoked::Specs(asked.clone()),
        }
    } else {
        if call.params().has("IpPermissions") {
            let text = "The parameter SecurityGroupRuleId cannot be used with the parameter IpPermissions";
            return Err(CloudError::combination(text));
        }
        Revoked::Ids(ids)
    };
    call.check_dry_run()?;
    let request = RevokeRules { group_id, direction, which };
    let gone = call.cloud.revoke_rules(request).await?;
    asked.retain(|spec| !gone.iter().any(|rule| rule.spec == *spec));
    let unknown = permission::unknown(&asked, &call.facts());
    let items = gone.iter().map(rule::revoked_xml);
    Ok(done().list("unknownIpPermissionSet", unknown).list("revokedSecurityGroupRuleSet", items))
}

/// UpdateSecurityGroupRuleDescriptionsIngress and -Egress.
pub async fn describe(call: &Call, direction: Direction) -> Answer {
    let groups = call.cloud.security_groups().await?;
    let group_id = named_group(call, &groups).await?;
    let by_id = call.params().structures("SecurityGroupRuleDescription")?;
    let rules = if by_id.is_empty() {
        DescribedRules::Specs(read_rules(call, &groups, &group_id)?)
    } else {
        if call.params().has("IpPermissions") {
            let text =
                "The parameter SecurityGroupRuleDescription cannot be used with the parameter IpPermissions";
            return Err(CloudError::combination(text));
        }
        let read = |rule: &Params<'_>| {
            Ok((rule.required_id("SecurityGroupRuleId")?, rule.text("Description").map(str::to_owned)))
        };
        DescribedRules::Ids(by_id.iter().map(read).collect::<Result<_, CloudError>>()?)
    };
    call.check_dry_run()?;
    let request = UpdateRuleDescriptions { group_id, direction, rules };
    call.cloud.update_rule_descriptions(request).await?;
    Ok(done())
}

async fn in_default_vpc(call: &Call, group: &SecurityGroup) -> Result<bool, CloudError> {
    Ok(call.cloud.vpcs().await?.iter().any(|vpc| vpc.id == group.vpc_id && vpc.is_default))
}

fn read_rules(call: &Call, groups: &[SecurityGroup], group_id: &GroupId) -> Result<Vec<Asked>, CloudError> {
    let vpc = &exists(groups, group_id)?.vpc_id;
    let rules = permission::read(&call.params(), &|name| by_name(groups, vpc, name))?;
    let peers = rules.iter().filter_map(|(spec, _)| match &spec.peer {
        cumulet_model::security::Peer::Group(id) => Some(id),
        _ => None,
    });
    peers.into_iter().try_for_each(|id| exists(groups, id).map(drop))?;
    Ok(rules)
}
