//! Elastic addresses: public addresses that stay with the account, and lead to one private address of one interface at a
//! time. The network has a change before the answer is given.

mod allocate;
mod associate;

use std::net::Ipv4Addr;

use cumulet_model::elastic::ElasticAddress;
use cumulet_model::{AllocationId, CloudError, ErrorCode};

use crate::api::address::AddressName;
use crate::cloud::{Cloud, Result, internal};

impl Cloud {
    /// All elastic addresses, oldest first.
    pub async fn addresses(&self) -> Result<Vec<ElasticAddress>> {
        self.inner.store.addresses().await.map_err(internal)
    }

    /// How many elastic addresses lead nowhere.
    pub async fn idle_addresses(&self) -> Result<usize> {
        Ok(self.addresses().await?.iter().filter(|address| address.association.is_none()).count())
    }

    async fn named_address(&self, name: &AddressName) -> Result<ElasticAddress> {
        let mut addresses = self.addresses().await?.into_iter();
        match name {
            AddressName::Allocation(id) => {
                addresses.find(|address| address.id == *id).ok_or_else(|| no_allocation(id))
            }
            AddressName::Public(ip) => {
                addresses.find(|address| address.public_ip == *ip).ok_or_else(|| no_address(*ip))
            }
        }
    }
}

fn no_allocation(id: &AllocationId) -> CloudError {
    CloudError::not_found(ErrorCode::InvalidAllocationIdNotFound, "allocation ID", id)
}

fn no_address(ip: Ipv4Addr) -> CloudError {
    CloudError::new(ErrorCode::InvalidAddressNotFound, format!("Address '{ip}' not found."))
}
