//! The four actions that add and remove rules of security groups.

use cumulet_engine::api::security::{AuthorizeRules, RevokeRules, Revoked};
use cumulet_model::security::{Direction, SecurityGroup};
use cumulet_model::{CloudError, ErrorCode, GroupId, RuleId};

use super::groups::{by_name, exists, named_group};
use crate::call::{Answer, Call, done};
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

/// RevokeSecurityGroupIngress and -Egress.
pub async fn revoke(call: &Call, direction: Direction) -> Answer {
    let groups = call.cloud.security_groups().await?;
    let group_id = named_group(call, &groups).await?;
    let ids: Vec<RuleId> = call.params().ids("SecurityGroupRuleId")?;
    let which = if ids.is_empty() {
        refuse_unknown_ipv6(call)?;
        Revoked::Specs(read_rules(call, &groups, &group_id)?.into_iter().map(|(spec, _)| spec).collect())
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
    let items = gone.iter().map(rule::revoked_xml);
    Ok(done().list("unknownIpPermissionSet", []).list("revokedSecurityGroupRuleSet", items))
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

/// There are no rules for IPv6 here, so that one to be revoked is not found; Terraform revokes the default one of each
/// new group and goes on when told so.
fn refuse_unknown_ipv6(call: &Call) -> Result<(), CloudError> {
    let permissions = call.params().structures("IpPermissions")?;
    if permissions.iter().any(|permission| permission.has("Ipv6Ranges")) {
        let text = "The specified rule does not exist in this security group: this cloud has no IPv6 yet";
        return Err(CloudError::new(ErrorCode::InvalidPermissionNotFound, text));
    }
    Ok(())
}
