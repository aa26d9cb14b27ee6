//! CreateSubnet, CreateDefaultSubnet and DeleteSubnet.

use cumulet_model::network::{Subnet, SubnetRange};
use cumulet_model::tag::check_tags;
use cumulet_model::{CloudError, ErrorCode, SubnetCidrAssociationId, SubnetId, range};
use tracing::info;

use super::{dependency, limits, make};
use crate::api::vpc::CreateSubnet;
use crate::cloud::{Cloud, Result, internal};

impl Cloud {
    /// Makes a subnet.
    pub async fn create_subnet(&self, request: CreateSubnet) -> Result<Subnet> {
        let allocation = self.inner.allocation.lock().await;
        let cidr = request.cidr.trunc();
        check_tags(&request.tags)?;
        let vpc = self.one_vpc(&request.vpc_id).await?;
        let zone = self.zone_or_first(request.zone.as_deref())?;
        let others: Vec<_> =
            self.subnets().await?.into_iter().filter(|subnet| subnet.vpc_id == vpc.id).collect();
        limits::SUBNETS.check(others.len())?;
        let ranges: Vec<_> = vpc.cidrs().into_iter().map(|held| held.cidr).collect();
        let taken: Vec<_> = others.iter().map(|subnet| subnet.cidr).collect();
        range::check_subnet(&ranges, &taken, cidr)?;
        let ipv6 = match request.ipv6_cidr {
            Some(cidr) => Some(new_ipv6(&vpc.ipv6_cidrs, &others, cidr.trunc())?),
            None => None,
        };
        let id = SubnetId::random(&mut rand::rng());
        let subnet = Subnet { ipv6, tags: request.tags, ..Subnet::new(id, vpc.id, cidr, &zone) };
        self.inner.store.add_subnet(&subnet).await.map_err(internal)?;
        drop(allocation);
        self.made_subnet(subnet).await
    }

    /// Makes a default subnet of the default VPC in a zone that has none.
    pub async fn create_default_subnet(&self, zone: &str) -> Result<Subnet> {
        let allocation = self.inner.allocation.lock().await;
        let zone = self.zone_or_first(Some(zone))?;
        let vpc = self.vpcs().await?.into_iter().find(|vpc| vpc.is_default).ok_or_else(|| {
            let text =
                "No default VPC for this user. GroupName is only supported for EC2-Classic and default VPC.";
            CloudError::new(ErrorCode::DefaultVpcDoesNotExist, text)
        })?;
        let others: Vec<_> =
            self.subnets().await?.into_iter().filter(|subnet| subnet.vpc_id == vpc.id).collect();
        if let Some(there) = others.iter().find(|subnet| subnet.default_for_zone && subnet.zone == zone) {
            return Err(CloudError::new(
                ErrorCode::DefaultSubnetAlreadyExistsInAvailabilityZone,
                format!("'{}' is already the default subnet in {zone}.", there.id),
            ));
        }
        limits::SUBNETS.check(others.len())?;
        let taken: Vec<_> = others.iter().map(|subnet| subnet.cidr).collect();
        let prefix = make::default_prefix(vpc.cidr);
        let cidr = range::free_subnet(vpc.cidr, &taken, prefix).ok_or_else(|| {
            let text = format!("The default VPC has no free /{prefix} CIDR block");
            CloudError::new(ErrorCode::InvalidSubnetConflict, text)
        })?;
        let subnet = make::default_subnet(&vpc.id, cidr, &zone);
        self.inner.store.add_subnet(&subnet).await.map_err(internal)?;
        drop(allocation);
        self.made_subnet(subnet).await
    }

    /// Deletes a subnet that no interface is in, with its association.
    pub async fn delete_subnet(&self, id: &SubnetId) -> Result<()> {
        let allocation = self.inner.allocation.lock().await;
        self.check_subnet_unused(id).await?;
        self.inner.store.delete_subnet(id).await.map_err(internal)?;
        drop(allocation);
        self.bring_away().await?;
        info!(subnet = %id, "deleted a subnet");
        Ok(())
    }

    /// Whether no interface is in a subnet.
    pub async fn check_subnet_unused(&self, id: &SubnetId) -> Result<()> {
        self.subnet(id).await?;
        match self.network_interfaces().await?.iter().any(|interface| interface.subnet_id == *id) {
            true => Err(dependency("subnet", id)),
            false => Ok(()),
        }
    }

    async fn made_subnet(&self, subnet: Subnet) -> Result<Subnet> {
        self.bring_about(self.inner.store.delete_subnet(&subnet.id)).await?;
        info!(subnet = %subnet.id, vpc = %subnet.vpc_id, cidr = %subnet.cidr, "made a subnet");
        Ok(subnet)
    }

    fn zone_or_first(&self, wanted: Option<&str>) -> Result<String> {
        let zones = &self.region().zones;
        let found = match wanted {
            Some(name) => zones.iter().find(|zone| zone.name == name),
            None => zones.first(),
        };
        found.map(|zone| zone.name.clone()).ok_or_else(|| {
            let names: Vec<_> = zones.iter().map(|zone| zone.name.as_str()).collect();
            CloudError::invalid_value(format!(
                "Value ({}) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: {}.",
                wanted.unwrap_or_default().chars().take(64).collect::<String>(),
                names.join(", ")
            ))
        })
    }
}

/// An IPv6 range for a subnet beside the others of its VPC.
pub(super) fn new_ipv6(
    ranges: &[cumulet_model::network::VpcRange<ipnet::Ipv6Net>],
    others: &[Subnet],
    cidr: ipnet::Ipv6Net,
) -> Result<SubnetRange> {
    let ranges: Vec<_> = ranges.iter().map(|held| held.cidr).collect();
    let taken: Vec<_> = others.iter().filter_map(|subnet| Some(subnet.ipv6.as_ref()?.cidr)).collect();
    range::check_subnet6(&ranges, &taken, cidr)?;
    Ok(SubnetRange { id: SubnetCidrAssociationId::random(&mut rand::rng()), cidr })
}
