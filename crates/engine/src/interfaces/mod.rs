//! Network interfaces: made, deleted, attached, detached and modified apart from launches. A request writes what is to
//! be; machines get and lose their interfaces by the instance's driver ([`crate::devices`]).

mod attach;
mod create;
mod modify;

use cumulet_model::network::NetworkInterface;
use cumulet_model::{CloudError, ErrorCode, InterfaceId};

use crate::cloud::{Cloud, Result, internal};

impl Cloud {
    /// One interface.
    pub async fn network_interface(&self, id: &InterfaceId) -> Result<NetworkInterface> {
        let found = self.inner.store.interface(id).await.map_err(internal)?;
        found.map(|held| held.interface).ok_or_else(|| no_interface(id))
    }
}

fn no_interface(id: &InterfaceId) -> CloudError {
    CloudError::not_found(ErrorCode::InvalidInterfaceNotFound, "networkInterface ID", id)
}
