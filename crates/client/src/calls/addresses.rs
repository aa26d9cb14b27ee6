//! Elastic addresses.

use std::time::Duration;

use cumulet_api_types::address::{Address, AddressList, AllocateAddress, AssociateAddress};
use hyper::Method;

use crate::client::segment;
use crate::{Client, Result};

/// Answers come when the network is so.
const LIMIT: Duration = Duration::from_secs(75);

fn path(id: &str, rest: &str) -> String {
    format!("/v1/addresses/{}{rest}", segment(id))
}

impl Client {
    /// All elastic addresses.
    pub async fn addresses(&self) -> Result<AddressList> {
        self.get("/v1/addresses").await
    }

    /// Allocates an elastic address.
    pub async fn allocate_address(&self, request: &AllocateAddress) -> Result<Address> {
        self.post("/v1/addresses", request).await
    }

    /// Releases an elastic address that leads nowhere.
    pub async fn release_address(&self, id: &str) -> Result<()> {
        self.order(Method::DELETE, &path(id, ""), None::<&()>).await
    }

    /// Leads an elastic address to an instance or interface.
    pub async fn associate_address(&self, id: &str, request: &AssociateAddress) -> Result<Address> {
        self.post(&path(id, "/associate"), request).await
    }

    /// Lets an elastic address lead nowhere.
    pub async fn disassociate_address(&self, id: &str) -> Result<Address> {
        self.post_empty(&path(id, "/disassociate"), LIMIT).await
    }
}
