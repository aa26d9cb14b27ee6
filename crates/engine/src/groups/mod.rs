//! Security groups and their rules; a change is answered when the firewall holds it.

mod authorize;
mod check;
mod modify;
mod revoke;

use cumulet_model::security::{Direction, Peer, SecurityGroup};
use cumulet_model::tag::check_tags;
use cumulet_model::{CloudError, ErrorCode, GroupId};
use cumulet_store::StoreError;

use crate::api::security::CreateSecurityGroup;
use crate::cloud::{Cloud, Result, internal, port_failed};
use crate::first_start::{everywhere, new_rule};
use crate::vpc::make::everywhere6;

pub(crate) use check::{check_weights, no_list};

/// The most groups of a VPC (EC2's quota for a region).
const MAX_GROUPS: usize = 2_500;

impl Cloud {
    /// Makes a security group that admits nothing and lets everything out; IPv6 too where its VPC has any.
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
        if self.security_groups().await?.iter().filter(|group| group.vpc_id == vpc.id).count() >= MAX_GROUPS {
            let text = format!("The maximum number of security groups has been reached: {MAX_GROUPS}");
            return Err(CloudError::new(ErrorCode::SecurityGroupLimitExceeded, text));
        }
        let id = GroupId::random(&mut rand::rng());
        let out = std::iter::once(everywhere()).chain((!vpc.ipv6_cidrs.is_empty()).then(everywhere6));
        let rule = |spec| new_rule(&id, Direction::Egress, spec, None, Default::default());
        let group = SecurityGroup {
            vpc_id: vpc.id,
            rules: out.map(rule).collect(),
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

    pub(crate) async fn security_group(&self, id: &GroupId) -> Result<SecurityGroup> {
        self.security_groups()
            .await?
            .into_iter()
            .find(|group| group.id == *id)
            .ok_or_else(|| CloudError::not_found(ErrorCode::InvalidGroupNotFound, "security group", id))
    }
}

fn refers_to(group: &SecurityGroup, id: &GroupId) -> bool {
    group.rules.iter().any(|rule| matches!(&rule.spec.peer, Peer::Group(peer) if peer == id))
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
