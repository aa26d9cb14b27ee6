//! What the targets of routes are at the moment: at work or gone. From this both the routes' states and what the host is
//! asked for are computed.

use std::collections::HashMap;

use cumulet_model::gateway::{EgressOnlyGateway, InternetGateway};
use cumulet_model::nat::NatGateway;
use cumulet_model::route::Target;
use cumulet_model::{InstanceId, InterfaceId, VpcId};
use cumulet_ports::network::RouteTarget;

/// The rows that targets name.
pub struct Targets<'a> {
    /// Internet gateways.
    pub internet: &'a [InternetGateway],
    /// Egress-only internet gateways.
    pub egress_only: &'a [EgressOnlyGateway],
    /// NAT gateways, ended ones as well.
    pub nat: &'a [NatGateway],
    /// The interfaces that machines have: those of instances that run or are about to, with the VPC and the instance.
    pub at_work: &'a HashMap<InterfaceId, (VpcId, InstanceId)>,
}

impl Targets<'_> {
    /// Where a route of this VPC leads on the host.
    pub fn on_host(&self, vpc: &VpcId, target: &Target) -> RouteTarget {
        if !self.is_active(vpc, target) {
            return RouteTarget::Blackhole;
        }
        match target {
            Target::InternetGateway(_) => RouteTarget::InternetGateway,
            Target::EgressOnlyGateway(_) => RouteTarget::EgressOnlyGateway,
            Target::NatGateway(id) => RouteTarget::NatGateway(id.clone()),
            Target::Interface(id) => RouteTarget::Interface(id.clone()),
        }
    }

    /// Whether what a route of this VPC leads to is there and at work.
    pub fn is_active(&self, vpc: &VpcId, target: &Target) -> bool {
        match target {
            Target::InternetGateway(id) => {
                self.internet.iter().any(|gateway| gateway.id == *id && gateway.vpc_id.as_ref() == Some(vpc))
            }
            Target::EgressOnlyGateway(id) => {
                self.egress_only.iter().any(|gateway| gateway.id == *id && gateway.vpc_id == *vpc)
            }
            Target::NatGateway(id) => {
                let wired = |gateway: &&NatGateway| gateway.state.is_wired() && gateway.vpc_id == *vpc;
                self.nat.iter().filter(wired).any(|gateway| gateway.id == *id)
            }
            Target::Interface(id) => self.at_work.get(id).is_some_and(|(held_in, _)| held_in == vpc),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_or_elsewhere_is_a_blackhole() {
        let mut rng = rand::rng();
        let (here, elsewhere) = (VpcId::random(&mut rng), VpcId::random(&mut rng));
        let gateway = |vpc_id| InternetGateway {
            id: cumulet_model::InternetGatewayId::random(&mut rand::rng()),
            vpc_id,
            tags: Default::default(),
        };
        let internet = [gateway(Some(here.clone())), gateway(Some(elsewhere)), gateway(None)];
        let interface = InterfaceId::random(&mut rng);
        let at_work = HashMap::from([(interface.clone(), (here.clone(), InstanceId::random(&mut rng)))]);
        let targets = Targets { internet: &internet, egress_only: &[], nat: &[], at_work: &at_work };
        let through = |index: usize| Target::InternetGateway(internet[index].id.clone());
        assert_eq!(targets.on_host(&here, &through(0)), RouteTarget::InternetGateway);
        assert_eq!(targets.on_host(&here, &through(1)), RouteTarget::Blackhole);
        assert_eq!(targets.on_host(&here, &through(2)), RouteTarget::Blackhole);
        let by = |id: &InterfaceId| Target::Interface(id.clone());
        assert_eq!(targets.on_host(&here, &by(&interface)), RouteTarget::Interface(interface));
        assert_eq!(targets.on_host(&here, &by(&InterfaceId::random(&mut rng))), RouteTarget::Blackhole);
    }
}
