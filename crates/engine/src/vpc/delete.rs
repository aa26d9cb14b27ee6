//! DeleteVpc: of one that holds nothing but what it was made with.

use cumulet_model::security::SecurityGroup;
use cumulet_model::{CloudError, VpcId};
use tracing::info;

use super::dependency;
use crate::cloud::{Cloud, Result, internal};

impl Cloud {
    /// Deletes a VPC with its default group and its main route table.
    pub async fn delete_vpc(&self, id: &VpcId) -> Result<()> {
        let allocation = self.inner.allocation.lock().await;
        let vpc = self.one_vpc(id).await?;
        self.check_vpc_unused(id).await?;
        let group = self.security_groups().await?.into_iter().find(|group| group.vpc_id == *id);
        let tables = self.inner.store.route_tables().await.map_err(internal)?;
        let main = tables.into_iter().find(|table| table.vpc_id == *id);
        let (Some(group), Some(main)) = (group, main) else {
            return Err(CloudError::internal("the VPC's default group or main route table is not there"));
        };
        self.inner.store.delete_vpc(&vpc, &group, &main).await.map_err(internal)?;
        drop(allocation);
        self.bring_away().await?;
        info!(vpc = %id, "deleted a VPC");
        Ok(())
    }

    /// Whether a VPC holds nothing but what it was made with.
    pub async fn check_vpc_unused(&self, id: &VpcId) -> Result<()> {
        let store = &self.inner.store;
        self.one_vpc(id).await?;
        let in_use = self.subnets().await?.iter().any(|subnet| subnet.vpc_id == *id)
            || self.network_interfaces().await?.iter().any(|interface| interface.vpc_id == *id)
            || self.internet_gateways().await?.iter().any(|gateway| gateway.vpc_id.as_ref() == Some(id))
            || self.egress_only_gateways().await?.iter().any(|gateway| gateway.vpc_id == *id)
            || self
                .security_groups()
                .await?
                .iter()
                .any(|group| group.vpc_id == *id && group.name != SecurityGroup::DEFAULT_NAME)
            || self.network_acls().await?.iter().any(|acl| acl.vpc_id == *id && !acl.is_default)
            || store
                .route_tables()
                .await
                .map_err(internal)?
                .iter()
                .any(|table| table.vpc_id == *id && table.main.is_none());
        if in_use { Err(dependency("vpc", id)) } else { Ok(()) }
    }
}
