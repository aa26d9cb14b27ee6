//! Leading a subnet to another ACL of its VPC.

use cumulet_model::{AclAssociationId, CloudError, ErrorCode, NetworkAclId};
use cumulet_store::StoreError;
use tracing::info;

use crate::cloud::{Cloud, Result, internal, port_failed};

impl Cloud {
    /// Guards the subnet of an association by another ACL, and gives the new association.
    pub async fn replace_acl_association(
        &self,
        id: &AclAssociationId,
        acl: &NetworkAclId,
    ) -> Result<AclAssociationId> {
        let _allocation = self.inner.allocation.lock().await;
        let acls = self.network_acls().await?;
        let holds = |held: &&cumulet_model::acl::NetworkAcl| held.associations.iter().any(|a| a.id == *id);
        let old = acls.iter().find(holds).ok_or_else(|| no_association(id))?;
        let new = acls.iter().find(|other| other.id == *acl).ok_or_else(|| super::no_acl(acl))?;
        if new.vpc_id != old.vpc_id {
            let text =
                format!("The networkAcl '{acl}' and the subnet of '{id}' belong to different networks");
            return Err(CloudError::invalid_value(text));
        }
        let association = AclAssociationId::random(&mut rand::rng());
        let store = &self.inner.store;
        match store.replace_acl_association(id, &association, acl).await {
            // The subnet has gone meanwhile.
            Err(StoreError::Gone(_)) => return Err(no_association(id)),
            done => done.map_err(internal)?,
        }
        if let Err(failure) = self.inner.keeper.sync().await {
            store.replace_acl_association(&association, id, &old.id).await.map_err(internal)?;
            return Err(port_failed(failure));
        }
        info!(acl = %acl, %association, "a subnet has another network ACL");
        Ok(association)
    }
}

fn no_association(id: &AclAssociationId) -> CloudError {
    CloudError::not_found(ErrorCode::InvalidAssociationIdNotFound, "association ID", id)
}
