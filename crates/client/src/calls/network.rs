//! VPCs and subnets.

use cumulet_api_types::network::{Subnet, SubnetList, Vpc, VpcList};

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
}
