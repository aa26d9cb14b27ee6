//! Network interfaces.

use std::time::Duration;

use cumulet_api_types::network::{
    AttachNetworkInterface, CreateNetworkInterface, ModifyNetworkInterface, NetworkInterface,
    NetworkInterfaceList,
};
use cumulet_api_types::volume::DetachQuery;
use hyper::Method;

use crate::client::{segment, with_query};
use crate::{Client, Result};

/// Orders answer at once, as they don't wait for the machine.
const LIMIT: Duration = Duration::from_secs(75);

fn path(id: &str, rest: &str) -> String {
    format!("/v1/network-interfaces/{}{rest}", segment(id))
}

impl Client {
    /// All network interfaces.
    pub async fn network_interfaces(&self) -> Result<Vec<NetworkInterface>> {
        Ok(self.get::<NetworkInterfaceList>("/v1/network-interfaces").await?.network_interfaces)
    }

    /// One network interface.
    pub async fn network_interface(&self, id: &str) -> Result<NetworkInterface> {
        self.get(&path(id, "")).await
    }

    /// Makes a network interface.
    pub async fn create_network_interface(
        &self,
        request: &CreateNetworkInterface,
    ) -> Result<NetworkInterface> {
        self.post("/v1/network-interfaces", request).await
    }

    /// Deletes a network interface.
    pub async fn delete_network_interface(&self, id: &str) -> Result<()> {
        self.order(Method::DELETE, &path(id, ""), None::<&()>).await
    }

    /// Attaches a network interface.
    pub async fn attach_network_interface(
        &self,
        id: &str,
        request: &AttachNetworkInterface,
    ) -> Result<NetworkInterface> {
        self.post(&path(id, "/attach"), request).await
    }

    /// Detaches a network interface; `force` does not ask the guest.
    pub async fn detach_network_interface(&self, id: &str, force: bool) -> Result<NetworkInterface> {
        self.post_empty(&with_query(&path(id, "/detach"), &DetachQuery { force })?, LIMIT).await
    }

    /// Changes a network interface.
    pub async fn modify_network_interface(
        &self,
        id: &str,
        request: &ModifyNetworkInterface,
    ) -> Result<NetworkInterface> {
        self.patch(&path(id, ""), request).await
    }
}
