//! What the metadata service asks: who is at this address of this VPC?

use std::net::Ipv4Addr;

use cumulet_model::VpcId;
use cumulet_model::instance::Instance;
use cumulet_model::network::{Subnet, Vpc};

use crate::cloud::{Cloud, Result, internal};

/// All facts of an instance that its guest may read.
#[derive(Debug, Clone)]
pub struct InstanceFacts {
    /// The instance.
    pub instance: Instance,
    /// Its key pair's public key as an `authorized_keys` line.
    pub public_key: Option<String>,
    /// Its user data.
    pub user_data: Option<Vec<u8>>,
    /// The VPC of its primary interface.
    pub vpc: Vpc,
    /// The subnets of its VPC.
    pub subnets: Vec<Subnet>,
}

impl Cloud {
    /// The instance whose interface has this private address in this VPC.
    pub async fn instance_at(&self, vpc: &VpcId, address: Ipv4Addr) -> Result<Option<InstanceFacts>> {
        let Some(id) = self.inner.store.instance_at(vpc, address).await.map_err(internal)? else {
            return Ok(None);
        };
        let record = self.record(&id).await?;
        let vpcs = self.vpcs().await?;
        let Some(vpc) = vpcs.into_iter().find(|candidate| candidate.id == *vpc) else { return Ok(None) };
        let subnets = self.subnets().await?.into_iter().filter(|subnet| subnet.vpc_id == vpc.id).collect();
        Ok(Some(InstanceFacts {
            instance: self.instance(&id).await?,
            public_key: record.public_key,
            user_data: record.user_data,
            vpc,
            subnets,
        }))
    }
}
