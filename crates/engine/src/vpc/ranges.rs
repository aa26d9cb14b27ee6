//! AssociateVpcCidrBlock and DisassociateVpcCidrBlock.

use cumulet_model::network::{Vpc, VpcRange};
use cumulet_model::route::Destination;
use cumulet_model::security::{Direction, SecurityGroup};
use cumulet_model::{CloudError, ErrorCode, Tags, VpcCidrAssociationId, VpcId, range};
use ipnet::{IpNet, Ipv4Net};

use super::{limits, make};
use crate::api::vpc::{AssociatedRange, WantedRange};
use crate::cloud::{Cloud, Result, internal};
use crate::first_start::{everywhere, new_rule};

impl Cloud {
    /// Gives a VPC another range of addresses.
    pub async fn associate_vpc_range(&self, id: &VpcId, wanted: WantedRange) -> Result<AssociatedRange> {
        let allocation = self.inner.allocation.lock().await;
        let vpcs = self.vpcs().await?;
        let vpc = self.one_vpc(id).await?;
        let given = match wanted {
            WantedRange::Ipv4(cidr) => AssociatedRange::Ipv4(self.check_further(&vpc, cidr.trunc()).await?),
            WantedRange::Ipv6 => {
                limits::RANGES6.check(vpc.ipv6_cidrs.len())?;
                AssociatedRange::Ipv6(self.free_ipv6_range(&vpcs)?)
            }
        };
        let (association, cidr) = parts(&given);
        self.inner.store.add_vpc_range(id, association, cidr).await.map_err(internal)?;
        let rules = match &given {
            AssociatedRange::Ipv6(_) => self.let_ipv6_out(&vpc).await?,
            AssociatedRange::Ipv4(_) => vec![],
        };
        drop(allocation);
        self.bring_about(async {
            self.inner.store.delete_rules(&rules).await?;
            self.inner.store.delete_vpc_range(association).await
        })
        .await?;
        Ok(given)
    }

    /// Takes a range from a VPC that no subnet has any of; the one that it was made with stays.
    pub async fn disassociate_vpc_range(
        &self,
        id: &VpcCidrAssociationId,
    ) -> Result<(VpcId, AssociatedRange)> {
        let allocation = self.inner.allocation.lock().await;
        let (vpc, taken) = self.vpc_range(id).await?;
        self.inner.store.delete_vpc_range(id).await.map_err(internal)?;
        drop(allocation);
        self.bring_away().await?;
        Ok((vpc, taken))
    }

    /// The range of an association, with its VPC, if it can be taken away.
    pub async fn vpc_range(&self, id: &VpcCidrAssociationId) -> Result<(VpcId, AssociatedRange)> {
        for vpc in self.vpcs().await? {
            let four = vpc.cidrs().into_iter().find(|held| held.id == *id).map(AssociatedRange::Ipv4);
            let six = vpc.ipv6_cidrs.iter().find(|held| held.id == *id).cloned().map(AssociatedRange::Ipv6);
            if let Some(found) = four.or(six) {
                self.check_range_unused(&vpc, &found).await?;
                return Ok((vpc.id, found));
            }
        }
        let code = ErrorCode::InvalidVpcCidrBlockAssociationIdNotFound;
        Err(CloudError::not_found(code, "vpc CIDR block association ID", id))
    }

    async fn check_range_unused(&self, vpc: &Vpc, range: &AssociatedRange) -> Result<()> {
        let (id, cidr) = parts(range);
        if cidr == IpNet::V4(vpc.cidr) {
            return Err(CloudError::new(
                ErrorCode::OperationNotPermitted,
                format!(
                    "The vpc CIDR block with association ID {id} may not be disassociated. It is the primary IPv4 CIDR block of the VPC"
                ),
            ));
        }
        let subnets = self.subnets().await?;
        let used = subnets.iter().filter(|subnet| subnet.vpc_id == vpc.id).any(|subnet| {
            cidr.contains(&IpNet::V4(subnet.cidr))
                || subnet.ipv6.as_ref().is_some_and(|held| cidr.contains(&IpNet::V6(held.cidr)))
        });
        if !used {
            return Ok(());
        }
        let text = format!("The vpc CIDR block {cidr} has dependencies and cannot be disassociated.");
        Err(CloudError::new(ErrorCode::DependencyViolation, text))
    }

    async fn check_further(&self, vpc: &Vpc, cidr: Ipv4Net) -> Result<VpcRange<Ipv4Net>> {
        let held: Vec<_> = vpc.cidrs().into_iter().map(|held| held.cidr).collect();
        range::check_further(vpc.cidr, &held, cidr)?;
        limits::RANGES.check(held.len())?;
        let tables = self.inner.store.route_tables().await.map_err(internal)?;
        let in_the_way = tables.iter().filter(|table| table.vpc_id == vpc.id).flat_map(|table| &table.routes);
        let in_the_way = in_the_way.filter_map(|route| match &route.destination {
            Destination::Cidr(IpNet::V4(to)) if cidr.contains(to) => Some(to),
            _ => None,
        });
        if let Some(to) = in_the_way.into_iter().next() {
            let text = format!("The CIDR '{cidr}' conflicts with the route for {to} of the VPC");
            return Err(CloudError::new(ErrorCode::CidrConflict, text));
        }
        Ok(VpcRange { id: VpcCidrAssociationId::random(&mut rand::rng()), cidr })
    }

    /// A default group whose egress nobody changed lets IPv6 out as well from a VPC's first IPv6 range on (VPC guide,
    /// "Default security groups").
    async fn let_ipv6_out(&self, vpc: &Vpc) -> Result<Vec<cumulet_model::RuleId>> {
        let groups = self.security_groups().await?;
        let mut default =
            groups.into_iter().filter(|g| g.vpc_id == vpc.id && g.name == SecurityGroup::DEFAULT_NAME);
        let Some(group) = default.next() else { return Ok(vec![]) };
        let egress: Vec<_> = group.rules_of(Direction::Egress).collect();
        if !matches!(egress.as_slice(), [only] if only.spec == everywhere()) {
            return Ok(vec![]);
        }
        let rule = new_rule(&group.id, Direction::Egress, make::everywhere6(), None, Tags::new());
        self.inner.store.add_rules(std::slice::from_ref(&rule)).await.map_err(internal)?;
        Ok(vec![rule.id])
    }
}

fn parts(range: &AssociatedRange) -> (&VpcCidrAssociationId, IpNet) {
    match range {
        AssociatedRange::Ipv4(held) => (&held.id, held.cidr.into()),
        AssociatedRange::Ipv6(held) => (&held.id, held.cidr.into()),
    }
}
