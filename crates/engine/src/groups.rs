//! Security groups and their rules; a change is answered when the firewall holds it.

use std::collections::HashSet;

use cumulet_model::security::{Direction, Peer, Rule, SecurityGroup};
use cumulet_model::tag::check_tags;
use cumulet_model::{CloudError, ErrorCode, GroupId, RuleId};
use cumulet_store::StoreError;

use crate::api::security::{AuthorizeRules, CreateSecurityGroup, RevokeRules, Revoked};
use crate::cloud::{Cloud, Result, internal, port_failed};
use crate::first_start::{everywhere, new_rule};

/// EC2's default limit of rules in each direction of a group.
const MAX_RULES: usize = 60;

impl Cloud {
    /// Makes a security group that admits nothing and lets everything out.
    pub async fn create_security_group(&self, request: CreateSecurityGroup) -> Result<SecurityGroup> {
        check_text("GroupName", &request.name)?;
        check_text("GroupDescription", &request.description)?;
        if request.name.starts_with("sg-") {
            return Err(CloudError::invalid_value("GroupName must not begin with 'sg-'"));
        }
        if request.name == SecurityGroup::DEFAULT_NAME {
            let text = "Cannot use reserved security group name: default";
            return Err(CloudError::new(ErrorCode::InvalidGroupReserved, text));
        }
        check_tags(&request.tags)?;
        let vpcs = self.vpcs().await?;
        let vpc = match &request.vpc_id {
            Some(id) => vpcs
                .into_iter()
                .find(|vpc| vpc.id == *id)
                .ok_or_else(|| CloudError::not_found(ErrorCode::InvalidVpcIdNotFound, "vpc ID", id))?,
            None => vpcs.into_iter().find(|vpc| vpc.is_default).ok_or_else(|| {
                CloudError::new(ErrorCode::InvalidVpcIdNotFound, "No default VPC for this user")
            })?,
        };
        let id = GroupId::random(&mut rand::rng());
        let group = SecurityGroup {
            vpc_id: vpc.id,
            rules: vec![new_rule(&id, Direction::Egress, everywhere(), None, Default::default())],
            id,
            name: request.name,
            description: request.description,
            tags: request.tags,
        };
        match self.inner.store.add_security_group(&group).await {
            Ok(()) => Ok(group),
            Err(StoreError::Duplicate(_)) => Err(CloudError::new(
                ErrorCode::InvalidGroupDuplicate,
                format!("The security group '{}' already exists for VPC '{}'", group.name, group.vpc_id),
            )),
            Err(error) => Err(internal(error)),
        }
    }

    /// Deletes a group that no interface and no other group's rule uses.
    pub async fn delete_security_group(&self, id: &GroupId) -> Result<()> {
        let _allocation = self.inner.allocation.lock().await;
        let group = self.security_group(id).await?;
        if group.name == SecurityGroup::DEFAULT_NAME {
            let text = format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user");
            return Err(CloudError::new(ErrorCode::CannotDelete, text));
        }
        let interfaces = self.network_interfaces().await?;
        let used = interfaces.iter().any(|interface| interface.groups.iter().any(|g| g.id == *id))
            || self.security_groups().await?.iter().any(|other| other.id != *id && refers_to(other, id));
        if used {
            let text = format!("resource {id} has a dependent object");
            return Err(CloudError::new(ErrorCode::DependencyViolation, text));
        }
        self.inner.store.delete_security_group(&group).await.map_err(internal)?;
        self.inner.keeper.sync().await.map_err(port_failed)
    }

    /// Adds rules, all or none.
    pub async fn authorize_rules(&self, request: AuthorizeRules) -> Result<Vec<Rule>> {
        let allocation = self.inner.allocation.lock().await;
        check_tags(&request.tags)?;
        let group = self.security_group(&request.group_id).await?;
        if request.rules.is_empty() {
            return Err(CloudError::missing("IpPermissions"));
        }
        self.check_peers(&group, &request).await?;
        let mut known: HashSet<_> = group.rules_of(request.direction).map(|rule| rule.spec.clone()).collect();
        for (spec, _) in &request.rules {
            if !known.insert(spec.clone()) {
                return Err(duplicate(spec));
            }
        }
        if known.len() > MAX_RULES {
            return Err(CloudError::new(
                ErrorCode::RulesPerSecurityGroupLimitExceeded,
                format!("The maximum number of rules per security group has been reached: {MAX_RULES}"),
            ));
        }
        let rules: Vec<_> = request
            .rules
            .into_iter()
            .map(|(spec, description)| {
                new_rule(&group.id, request.direction, spec, description, request.tags.clone())
            })
            .collect();
        self.inner.store.add_rules(&rules).await.map_err(internal)?;
        drop(allocation);
        if let Err(failure) = self.inner.keeper.sync().await {
            // The caller hears of a failure: then the rules must not be there, or a second try finds duplicates.
            let ids: Vec<_> = rules.iter().map(|rule| rule.id.clone()).collect();
            self.inner.store.delete_rules(&ids).await.map_err(internal)?;
            return Err(port_failed(failure));
        }
        Ok(rules)
    }

    /// Removes rules, all or none, and gives what they were.
    pub async fn revoke_rules(&self, request: RevokeRules) -> Result<Vec<Rule>> {
        let allocation = self.inner.allocation.lock().await;
        let group = self.security_group(&request.group_id).await?;
        let rules: Vec<Rule> = match &request.which {
            Revoked::Specs(specs) => specs
                .iter()
                .map(|spec| {
                    group.rules_of(request.direction).find(|rule| rule.spec == *spec).cloned().ok_or_else(
                        || {
                            CloudError::new(
                                ErrorCode::InvalidPermissionNotFound,
                                "The specified rule does not exist in this security group.",
                            )
                        },
                    )
                })
                .collect::<Result<_>>()?,
            Revoked::Ids(ids) => ids
                .iter()
                .map(|id| {
                    group.rules_of(request.direction).find(|rule| rule.id == *id).cloned().ok_or_else(|| {
                        CloudError::not_found(ErrorCode::InvalidRuleIdNotFound, "security group rule ID", id)
                    })
                })
                .collect::<Result<_>>()?,
        };
        let ids: HashSet<RuleId> = rules.iter().map(|rule| rule.id.clone()).collect();
        self.inner.store.delete_rules(&ids.into_iter().collect::<Vec<_>>()).await.map_err(internal)?;
        drop(allocation);
        self.inner.keeper.sync().await.map_err(port_failed)?;
        Ok(rules)
    }

    async fn security_group(&self, id: &GroupId) -> Result<SecurityGroup> {
        self.security_groups()
            .await?
            .into_iter()
            .find(|group| group.id == *id)
            .ok_or_else(|| CloudError::not_found(ErrorCode::InvalidGroupNotFound, "security group", id))
    }

    async fn check_peers(&self, group: &SecurityGroup, request: &AuthorizeRules) -> Result<()> {
        let groups = self.security_groups().await?;
        for (spec, description) in &request.rules {
            if let Some(description) = description {
                check_text("Description", description)?;
            }
            if let Peer::Group(peer) = &spec.peer
                && !groups.iter().any(|other| other.id == *peer && other.vpc_id == group.vpc_id)
            {
                let text = format!("The security group '{peer}' does not exist in VPC '{}'", group.vpc_id);
                return Err(CloudError::new(ErrorCode::InvalidGroupNotFound, text));
            }
        }
        Ok(())
    }
}

fn refers_to(group: &SecurityGroup, id: &GroupId) -> bool {
    group.rules.iter().any(|rule| matches!(&rule.spec.peer, Peer::Group(peer) if peer == id))
}

fn duplicate(spec: &cumulet_model::security::RuleSpec) -> CloudError {
    let peer = match &spec.peer {
        Peer::Cidr(cidr) => cidr.to_string(),
        Peer::Cidr6(cidr) => cidr.to_string(),
        Peer::PrefixList(id) => id.to_string(),
        Peer::Group(id) => id.to_string(),
    };
    let ports =
        spec.traffic.from_to().map_or("ALL".into(), |(from, to)| format!("from port: {from}, to port: {to}"));
    CloudError::new(
        ErrorCode::InvalidPermissionDuplicate,
        format!(
            "the specified rule \"peer: {peer}, {}, {ports}, ALLOW\" already exists",
            spec.traffic.protocol().to_uppercase()
        ),
    )
}

/// EC2's rule for names and descriptions of groups in a VPC.
fn check_text(field: &str, text: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c);
    if (1..=255).contains(&text.len()) && text.chars().all(allowed) {
        return Ok(());
    }
    Err(CloudError::invalid_value(format!(
        "{field} must be 1 to 255 characters of a-z, A-Z, 0-9, spaces, and ._-:/()#,@[]+=&;{{}}!$*"
    )))
}
