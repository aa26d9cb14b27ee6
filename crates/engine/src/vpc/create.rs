//! CreateVpc and CreateDefaultVpc.

use cumulet_model::network::{Vpc, VpcRange};
use cumulet_model::tag::check_tags;
use cumulet_model::{CloudError, ErrorCode, VpcCidrAssociationId, VpcId, range};
use cumulet_store::{NewVpc, StoreError};
use tracing::info;

use super::{limits, make};
use crate::api::vpc::CreateVpc;
use crate::cloud::{Cloud, Result, internal};

impl Cloud {
    /// Makes a VPC with its main route table and its default group. VPCs may have the same addresses.
    pub async fn create_vpc(&self, request: CreateVpc) -> Result<Vpc> {
        let allocation = self.inner.allocation.lock().await;
        let cidr = request.cidr.trunc();
        range::check_vpc(cidr)?;
        check_tags(&request.tags)?;
        let vpcs = self.vpcs().await?;
        limits::VPCS.check(vpcs.len())?;
        let ipv6_cidrs = match request.ipv6 {
            true => vec![self.free_ipv6_range(&vpcs)?],
            false => vec![],
        };
        let options = self.default_dhcp_options().await?;
        let id = VpcId::random(&mut rand::rng());
        let vpc =
            Vpc { ipv6_cidrs, dhcp_options_id: Some(options), tags: request.tags, ..Vpc::new(id, cidr) };
        let new = make::vpc(vpc);
        self.inner.store.add_vpc(&new).await.map_err(internal)?;
        drop(allocation);
        self.made_vpc(new).await
    }

    /// Makes a default VPC when there is none, as the first start did.
    pub async fn create_default_vpc(&self) -> Result<Vpc> {
        let allocation = self.inner.allocation.lock().await;
        let exists = || {
            CloudError::new(
                ErrorCode::DefaultVpcAlreadyExists,
                "A Default VPC already exists for this account in this region.",
            )
        };
        let vpcs = self.vpcs().await?;
        if vpcs.iter().any(|vpc| vpc.is_default) {
            return Err(exists());
        }
        limits::VPCS.check(vpcs.len())?;
        limits::INTERNET_GATEWAYS.check(self.internet_gateways().await?.len())?;
        let options = self.default_dhcp_options().await?;
        let config = &self.inner.config;
        let new = make::default_vpc(config.default_vpc_cidr, &config.region, options);
        match self.inner.store.add_vpc(&new).await {
            Ok(()) => {}
            Err(StoreError::Duplicate(_)) => return Err(exists()),
            Err(error) => return Err(internal(error)),
        }
        drop(allocation);
        self.made_vpc(new).await
    }

    async fn made_vpc(&self, new: NewVpc) -> Result<Vpc> {
        let NewVpc { vpc, subnets, group, routes, internet_gateway } = &new;
        let store = &self.inner.store;
        self.bring_about(async {
            for subnet in subnets {
                store.delete_subnet(&subnet.id).await?;
            }
            if let Some(gateway) = internet_gateway {
                store.attach_internet_gateway(&gateway.id, None).await?;
                store.delete_internet_gateway(&gateway.id).await?;
            }
            store.delete_vpc(vpc, group, routes).await
        })
        .await?;
        info!(vpc = %vpc.id, cidr = %vpc.cidr, "made a VPC");
        Ok(new.vpc)
    }

    /// The next free /56 of the pool, by a new association.
    pub(super) fn free_ipv6_range(&self, vpcs: &[Vpc]) -> Result<VpcRange<ipnet::Ipv6Net>> {
        let pool = self.inner.ports.network.ipv6_pool();
        let taken: Vec<_> = vpcs.iter().flat_map(|vpc| &vpc.ipv6_cidrs).map(|held| held.cidr).collect();
        let cidr = range::free_vpc6(pool, &taken).ok_or_else(|| {
            let text = format!("The pool {pool} has no free IPv6 CIDR block");
            CloudError::new(ErrorCode::InsufficientAddressCapacity, text)
        })?;
        Ok(VpcRange { id: VpcCidrAssociationId::random(&mut rand::rng()), cidr })
    }
}
