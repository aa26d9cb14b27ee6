//! Network ACLs: made, deleted, and led to subnets. What the firewall has to know it knows before the answer. The default
//! ones come and go with their VPCs, by the schema.

mod associate;
mod entries;

use cumulet_model::acl::NetworkAcl;
use cumulet_model::tag::check_tags;
use cumulet_model::{CloudError, ErrorCode, NetworkAclId};
use cumulet_store::StoreError;
use tracing::info;

use crate::api::acl::CreateNetworkAcl;
use crate::cloud::{Cloud, Result, internal};
use crate::idempotent::token_of;

/// The most ACLs of a VPC (EC2's quota).
const MAX_ACLS: usize = 200;

impl Cloud {
    /// All network ACLs, oldest first.
    pub async fn network_acls(&self) -> Result<Vec<NetworkAcl>> {
        self.inner.store.network_acls().await.map_err(internal)
    }

    /// One network ACL.
    pub async fn network_acl(&self, id: &NetworkAclId) -> Result<NetworkAcl> {
        let found = self.network_acls().await?.into_iter().find(|acl| acl.id == *id);
        found.ok_or_else(|| no_acl(id))
    }

    /// Makes an ACL that lets nothing pass. The same client token with the same parameters gives the same ACL.
    pub async fn create_network_acl(&self, request: CreateNetworkAcl) -> Result<NetworkAcl> {
        let _allocation = self.inner.allocation.lock().await;
        let token = token_of("CreateNetworkAcl", request.client_token.as_deref(), &request);
        if let Some(id) = self.made_before(token.as_ref()).await? {
            let id: NetworkAclId =
                id.parse().map_err(|_| CloudError::internal("a request's token is damaged"))?;
            return self.network_acl(&id).await;
        }
        check_tags(&request.tags)?;
        if !self.vpcs().await?.iter().any(|vpc| vpc.id == request.vpc_id) {
            return Err(CloudError::not_found(ErrorCode::InvalidVpcIdNotFound, "vpc ID", &request.vpc_id));
        }
        if self.network_acls().await?.iter().filter(|acl| acl.vpc_id == request.vpc_id).count() >= MAX_ACLS {
            let text = format!("The maximum number of network ACLs of a VPC has been reached: {MAX_ACLS}");
            return Err(CloudError::new(ErrorCode::NetworkAclLimitExceeded, text));
        }
        let acl = NetworkAcl {
            id: NetworkAclId::random(&mut rand::rng()),
            vpc_id: request.vpc_id,
            is_default: false,
            entries: vec![],
            associations: vec![],
            tags: request.tags,
        };
        let now = self.inner.clock.now();
        self.inner.store.add_network_acl(&acl, token.as_ref(), now).await.map_err(internal)?;
        info!(acl = %acl.id, vpc = %acl.vpc_id, "made a network ACL");
        Ok(acl)
    }

    /// Deletes an ACL of somebody's own that guards no subnet.
    pub async fn delete_network_acl(&self, id: &NetworkAclId) -> Result<()> {
        let acl = self.network_acl(id).await?;
        if acl.is_default {
            return Err(CloudError::invalid_value(format!("cannot delete default network ACL {id}")));
        }
        match self.inner.store.delete_network_acl(id).await {
            Ok(()) => {
                info!(acl = %id, "deleted a network ACL");
                Ok(())
            }
            Err(StoreError::Gone(_)) => {
                let text = format!("The networkAcl '{id}' has dependencies and cannot be deleted.");
                Err(CloudError::new(ErrorCode::DependencyViolation, text))
            }
            Err(error) => Err(internal(error)),
        }
    }
}

fn no_acl(id: &NetworkAclId) -> CloudError {
    CloudError::not_found(ErrorCode::InvalidNetworkAclIdNotFound, "networkAcl ID", id)
}
