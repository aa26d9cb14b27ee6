//! DHCP options sets.

use cumulet_model::dhcp::{DhcpOptions, DhcpOptionsSet};
use cumulet_model::network::Vpc;
use cumulet_model::tag::check_tags;
use cumulet_model::{CloudError, DhcpOptionsId, ErrorCode, Tags, VpcId};
use cumulet_store::{Store, StoreResult};
use tracing::info;

use super::limits;
use crate::api::vpc::CreateDhcpOptions;
use crate::cloud::{Cloud, Result, internal};

impl Cloud {
    /// All sets, oldest first.
    pub async fn dhcp_options(&self) -> Result<Vec<DhcpOptionsSet>> {
        let mut sets = self.inner.store.dhcp_options().await.map_err(internal)?;
        for set in sets.iter_mut().filter(|set| set.is_default) {
            set.options = DhcpOptions::of_region(self.region().private_domain());
        }
        Ok(sets)
    }

    /// One set.
    pub async fn one_dhcp_options(&self, id: &DhcpOptionsId) -> Result<DhcpOptionsSet> {
        let found = self.dhcp_options().await?.into_iter().find(|set| set.id == *id);
        found
            .ok_or_else(|| CloudError::not_found(ErrorCode::InvalidDhcpOptionIdNotFound, "dhcpOption ID", id))
    }

    /// Makes a set.
    pub async fn create_dhcp_options(&self, request: CreateDhcpOptions) -> Result<DhcpOptionsSet> {
        let _allocation = self.inner.allocation.lock().await;
        check_tags(&request.tags)?;
        limits::DHCP_OPTIONS.check(self.dhcp_options().await?.len())?;
        let id = DhcpOptionsId::random(&mut rand::rng());
        let set = DhcpOptionsSet { id, is_default: false, options: request.options, tags: request.tags };
        self.inner.store.add_dhcp_options(&set).await.map_err(internal)?;
        info!(options = %set.id, "made a DHCP options set");
        Ok(set)
    }

    /// Deletes a set that no VPC uses.
    pub async fn delete_dhcp_options(&self, id: &DhcpOptionsId) -> Result<()> {
        let _allocation = self.inner.allocation.lock().await;
        self.check_dhcp_options_unused(id).await?;
        self.inner.store.delete_dhcp_options(id).await.map_err(internal)?;
        info!(options = %id, "deleted a DHCP options set");
        Ok(())
    }

    /// Whether no VPC uses a set.
    pub async fn check_dhcp_options_unused(&self, id: &DhcpOptionsId) -> Result<()> {
        self.one_dhcp_options(id).await?;
        match self.vpcs().await?.iter().any(|vpc| vpc.dhcp_options_id.as_ref() == Some(id)) {
            true => Err(super::dependency("dhcpOptions", id)),
            false => Ok(()),
        }
    }

    /// Lets a VPC use a set, or none at all. Guests hear of it when they renew their leases.
    pub async fn associate_dhcp_options(&self, vpc: &VpcId, options: Option<DhcpOptionsId>) -> Result<()> {
        let allocation = self.inner.allocation.lock().await;
        let before = self.one_vpc(vpc).await?;
        if let Some(id) = &options {
            self.one_dhcp_options(id).await?;
        }
        let vpc = Vpc { dhcp_options_id: options, ..before.clone() };
        self.inner.store.update_vpc(&vpc).await.map_err(internal)?;
        drop(allocation);
        self.bring_about(self.inner.store.update_vpc(&before)).await
    }

    /// The region's own set, for a new VPC. The allocation lock must be held.
    pub(super) async fn default_dhcp_options(&self) -> Result<DhcpOptionsId> {
        default_of(&self.inner.store).await.map_err(internal)
    }
}

/// The region's own set, which is made anew if it is not there.
pub(crate) async fn default_of(store: &Store) -> StoreResult<DhcpOptionsId> {
    if let Some(set) = store.dhcp_options().await?.into_iter().find(|set| set.is_default) {
        return Ok(set.id);
    }
    let set = DhcpOptionsSet {
        id: DhcpOptionsId::random(&mut rand::rng()),
        is_default: true,
        options: DhcpOptions::default(),
        tags: Tags::new(),
    };
    store.add_dhcp_options(&set).await?;
    Ok(set.id)
}
