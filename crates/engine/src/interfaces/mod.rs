//! Network interfaces: made, deleted, attached, detached and modified apart from launches. A request writes what is to
//! be; machines get and lose their interfaces by the instance's driver ([`crate::devices`]).

mod attach;
mod create;
mod modify;
mod secondary;

use std::collections::HashSet;
use std::net::Ipv4Addr;

use cumulet_model::network::{InterfaceKind, NetworkInterface};
use cumulet_model::{CloudError, ErrorCode, InterfaceId, VpcId};
use cumulet_store::InterfaceRecord;

use crate::cloud::{Cloud, Result, internal};

impl Cloud {
    /// One interface.
    pub async fn network_interface(&self, id: &InterfaceId) -> Result<NetworkInterface> {
        let found = self.inner.store.interface(id).await.map_err(internal)?;
        found.map(|held| held.interface).ok_or_else(|| no_interface(id))
    }
}

/// A NAT gateway's interface lives and changes with the gateway alone.
fn check_own(interface: &NetworkInterface) -> Result<()> {
    match interface.kind {
        InterfaceKind::Interface => Ok(()),
        InterfaceKind::NatGateway => {
            let text = format!(
                "The interface '{}' is a NAT gateway's and is changed with the gateway alone",
                interface.id
            );
            Err(CloudError::new(ErrorCode::OperationNotPermitted, text))
        }
    }
}

fn no_interface(id: &InterfaceId) -> CloudError {
    CloudError::not_found(ErrorCode::InvalidInterfaceNotFound, "networkInterface ID", id)
}

/// The private addresses that interfaces of a VPC have.
pub(crate) fn taken_addresses(held: &[InterfaceRecord], vpc: &VpcId) -> HashSet<Ipv4Addr> {
    held.iter()
        .filter(|held| held.interface.vpc_id == *vpc)
        .flat_map(|held| held.interface.addresses().map(|address| address.private_ip))
        .collect()
}
