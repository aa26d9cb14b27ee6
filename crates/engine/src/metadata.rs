//! What the metadata service asks: who is at this address of this VPC?

use std::net::IpAddr;

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
    /// The subnets of its VPC, without their counts of free addresses.
    pub subnets: Vec<Subnet>,
}

impl Cloud {
    /// The instance whose interface has this private or IPv6 address in this VPC.
    pub async fn instance_at(
        &self,
        vpc: &VpcId,
        address: impl Into<IpAddr>,
    ) -> Result<Option<InstanceFacts>> {
        let Some(id) = self.inner.store.instance_at(vpc, address.into()).await.map_err(internal)? else {
            return Ok(None);
        };
        let store = &self.inner.store;
        let Some(mut record) = store.instance(&id).await.map_err(internal)? else { return Ok(None) };
        let Some(vpc) = store.vpc(vpc).await.map_err(internal)? else { return Ok(None) };
        let subnets = store.subnets_of(&vpc.id).await.map_err(internal)?;
        let (public_key, user_data) = (record.public_key.take(), record.user_data.take());
        Ok(Some(InstanceFacts {
            instance: self.with_devices(record).await?,
            public_key,
            user_data,
            vpc,
            subnets: subnets.into_iter().map(|record| record.subnet).collect(),
        }))
    }
}
