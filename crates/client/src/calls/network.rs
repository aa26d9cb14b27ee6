//! VPCs, subnets, interfaces, and volumes.

use cumulet_api_types::network::{NetworkInterface, NetworkInterfaceList, Subnet, SubnetList, Vpc, VpcList};
use cumulet_api_types::volume::{Volume, VolumeList};

use crate::{Client, Result};

impl Client {
    /// All VPCs.
    pub async fn vpcs(&self) -> Result<Vec<Vpc>> {
        Ok(self.get::<VpcList>("/v1/vpcs").await?.vpcs)
    }

    /// All subnets.
    pub async fn subnets(&self) -> Result<Vec<Subnet>> {
        Ok(self.get::<SubnetList>("/v1/subnets").await?.subnets)
    }

    /// All network interfaces.
    pub async fn network_interfaces(&self) -> Result<Vec<NetworkInterface>> {
        Ok(self.get::<NetworkInterfaceList>("/v1/network-interfaces").await?.network_interfaces)
    }

    /// All volumes.
    pub async fn volumes(&self) -> Result<Vec<Volume>> {
        Ok(self.get::<VolumeList>("/v1/volumes").await?.volumes)
    }
}
