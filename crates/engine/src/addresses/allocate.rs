//! Allocating and releasing elastic addresses.

use std::net::Ipv4Addr;

use cumulet_model::address::is_assignable;
use cumulet_model::elastic::ElasticAddress;
use cumulet_model::tag::check_tags;
use cumulet_model::{AllocationId, CloudError, ErrorCode, Tags};
use cumulet_store::StoreError;
use tracing::info;

use super::no_address;
use crate::api::address::AddressName;
use crate::cloud::{Cloud, Result, internal};

/// The most elastic addresses. EC2's default of five is for an internet that runs out of addresses; a pool of one's own
/// does not, but a loop that allocates must come to an end before launches find the pool empty.
const MAX_ADDRESSES: usize = 100;

impl Cloud {
    /// Allocates the next free address of the public pool, or the one wanted.
    pub async fn allocate_address(&self, wanted: Option<Ipv4Addr>, tags: Tags) -> Result<ElasticAddress> {
        let _allocation = self.inner.allocation.lock().await;
        check_tags(&tags)?;
        if self.addresses().await?.len() >= MAX_ADDRESSES {
            let text = format!("The maximum number of addresses has been reached: {MAX_ADDRESSES}");
            return Err(CloudError::new(ErrorCode::AddressLimitExceeded, text));
        }
        let public_ip = match wanted {
            Some(wanted) => self.check_free(wanted).await?,
            None => self.next_public_address().await?,
        };
        let address = ElasticAddress {
            id: AllocationId::random(&mut rand::rng()),
            public_ip,
            allocated: self.inner.clock.now(),
            association: None,
            tags,
        };
        self.inner.store.add_address(&address).await.map_err(internal)?;
        info!(allocation = %address.id, address = %public_ip, "allocated an elastic address");
        Ok(address)
    }

    /// Releases an elastic address that leads nowhere.
    pub async fn release_address(&self, name: &AddressName) -> Result<()> {
        let _allocation = self.inner.allocation.lock().await;
        let address = self.named_address(name).await?;
        match self.inner.store.delete_address(&address.id).await {
            Ok(()) => {
                info!(allocation = %address.id, address = %address.public_ip, "released an elastic address");
                Ok(())
            }
            Err(StoreError::Gone(_)) => {
                let text = format!("Address {} is in use.", address.public_ip);
                Err(CloudError::new(ErrorCode::InvalidIpAddressInUse, text))
            }
            Err(error) => Err(internal(error)),
        }
    }

    async fn check_free(&self, wanted: Ipv4Addr) -> Result<Ipv4Addr> {
        if !is_assignable(self.inner.ports.network.public_pool(), wanted) {
            return Err(no_address(wanted));
        }
        if self.taken_public_addresses().await?.contains(&wanted) {
            let text = format!("Address {wanted} is in use.");
            return Err(CloudError::new(ErrorCode::InvalidIpAddressInUse, text));
        }
        Ok(wanted)
    }

    async fn next_public_address(&self) -> Result<Ipv4Addr> {
        let free = self.free_public_addresses(0, 1).await?;
        free.first().copied().ok_or_else(|| {
            let pool = self.inner.ports.network.public_pool();
            let text = format!("Not enough addresses: the pool {pool} has none left");
            CloudError::new(ErrorCode::InsufficientAddressCapacity, text)
        })
    }
}
