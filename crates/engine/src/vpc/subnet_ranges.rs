//! AssociateSubnetCidrBlock and DisassociateSubnetCidrBlock: the IPv6 range of a subnet.

use cumulet_model::network::{Subnet, SubnetRange};
use cumulet_model::{CloudError, ErrorCode, SubnetCidrAssociationId, SubnetId};
use ipnet::Ipv6Net;

use super::subnets::new_ipv6;
use crate::cloud::{Cloud, Result, internal};

impl Cloud {
    /// Gives a subnet that has none an IPv6 range, a /64 of its VPC's.
    pub async fn associate_subnet_range(&self, id: &SubnetId, cidr: Ipv6Net) -> Result<SubnetRange> {
        let allocation = self.inner.allocation.lock().await;
        let before = self.subnet(id).await?;
        if before.ipv6.is_some() {
            let text = format!("The subnet '{id}' has an IPv6 CIDR block already; it can have one");
            return Err(CloudError::new(ErrorCode::CidrLimitExceeded, text));
        }
        let vpc = self.one_vpc(&before.vpc_id).await?;
        let others: Vec<_> =
            self.subnets().await?.into_iter().filter(|other| other.vpc_id == vpc.id).collect();
        let range = new_ipv6(&vpc.ipv6_cidrs, &others, cidr.trunc())?;
        let subnet = Subnet { ipv6: Some(range.clone()), ..before.clone() };
        self.inner.store.update_subnet(&subnet).await.map_err(internal)?;
        drop(allocation);
        self.bring_about(self.inner.store.update_subnet(&before)).await?;
        Ok(range)
    }

    /// Takes a subnet's IPv6 range away; no interface may have an address of it.
    pub async fn disassociate_subnet_range(
        &self,
        id: &SubnetCidrAssociationId,
    ) -> Result<(SubnetId, SubnetRange)> {
        let allocation = self.inner.allocation.lock().await;
        let (subnet, range) = self.subnet_range(id).await?;
        let subnet_id = subnet.id.clone();
        let subnet = Subnet { ipv6: None, assign_ipv6_on_creation: false, ..subnet };
        self.inner.store.update_subnet(&subnet).await.map_err(internal)?;
        drop(allocation);
        self.bring_away().await?;
        Ok((subnet_id, range))
    }

    async fn check_no_address_of(&self, subnet: &Subnet, range: Ipv6Net) -> Result<()> {
        let interfaces = self.network_interfaces().await?;
        if !interfaces.iter().flat_map(|held| &held.ipv6).any(|address| range.contains(address)) {
            return Ok(());
        }
        let text = format!("The CIDR {range} of subnet '{}' has addresses that interfaces have", subnet.id);
        Err(CloudError::new(ErrorCode::DependencyViolation, text))
    }

    /// The subnet and the range of an association, if no interface has an address of it.
    pub async fn subnet_range(&self, id: &SubnetCidrAssociationId) -> Result<(Subnet, SubnetRange)> {
        for subnet in self.subnets().await? {
            if let Some(range) = subnet.ipv6.clone().filter(|range| range.id == *id) {
                self.check_no_address_of(&subnet, range.cidr).await?;
                return Ok((subnet, range));
            }
        }
        let code = ErrorCode::InvalidCidrBlockAssociationIdNotFound;
        Err(CloudError::not_found(code, "subnet CIDR block association ID", id))
    }
}
