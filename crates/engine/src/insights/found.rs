//! The analyser's answer as it is told and kept: with ids in place of parts that have none in the network's
//! specification.

use std::collections::HashMap;

use cumulet_model::insights::{Findings, FoundHop, FoundReason, FoundRule, KernelFinding, Part};
use cumulet_model::security::{Direction, Traffic};
use cumulet_model::{CloudError, ErrorCode, SubnetId, VpcId};
use cumulet_ports::network::{NetworkSpec, RouteTarget};
use cumulet_reach::{AclHit, Analysis, Component, Explanation, Hop, HopRule, RouteHit};
use ipnet::{IpNet, Ipv4Net};

use crate::cloud::{Cloud, Result};

/// The number by which EC2 tells the last entry of an ACL, which denies all.
const LAST_ENTRY: u16 = 32767;

/// The ids of gateways and ACLs.
pub(super) struct Finder {
    internet: HashMap<VpcId, String>,
    egress_only: HashMap<VpcId, String>,
    acls: HashMap<SubnetId, String>,
    subnets: HashMap<SubnetId, VpcId>,
}

impl Cloud {
    pub(super) async fn finder(&self, spec: &NetworkSpec) -> Result<Finder> {
        let places = spec.vpcs.iter().flat_map(|vpc| vpc.subnets.iter().map(move |subnet| (subnet, &vpc.id)));
        let subnets = places.map(|(subnet, vpc)| (subnet.id.clone(), vpc.clone())).collect();
        let gateways = self.internet_gateways().await?.into_iter();
        let internet =
            gateways.filter_map(|gateway| Some((gateway.vpc_id?, gateway.id.to_string()))).collect();
        let gateways = self.egress_only_gateways().await?.into_iter();
        let egress_only = gateways.map(|gateway| (gateway.vpc_id, gateway.id.to_string())).collect();
        Ok(Finder { internet, egress_only, acls: HashMap::new(), subnets })
    }

    /// The VPC that an internet gateway is attached to.
    pub(super) async fn gateways_vpc(&self, id: &str) -> Result<VpcId> {
        let code = ErrorCode::InvalidInternetGatewayIdNotFound;
        let all = self.internet_gateways().await?;
        let gateway = all.into_iter().find(|gateway| gateway.id.as_str() == id);
        let gateway = gateway.ok_or_else(|| CloudError::not_found(code, "internetGateway ID", id))?;
        gateway.vpc_id.ok_or_else(|| {
            let text = format!("The internet gateway '{id}' is attached to no VPC");
            CloudError::new(ErrorCode::GatewayNotAttached, text)
        })
    }
}

fn part(kind: &str, id: impl ToString) -> Part {
    Part { kind: kind.to_owned(), id: id.to_string() }
}

impl Finder {
    pub(super) fn findings(&self, analysis: &Analysis, kernel: Option<KernelFinding>) -> Findings {
        Findings {
            reachable: analysis.reachable,
            packet: analysis.packet,
            forward: analysis.forward.iter().map(|hop| self.hop(hop)).collect(),
            back: analysis.back.iter().map(|hop| self.hop(hop)).collect(),
            explanations: analysis.explanations.iter().map(|reason| self.reason(reason)).collect(),
            hints: analysis.hints.iter().map(|hint| self.part(hint)).collect(),
            warnings: analysis.warnings.clone(),
            kernel,
        }
    }

    fn part(&self, component: &Component) -> Part {
        match component {
            Component::Instance(id) => part("instance", id),
            Component::Interface(id) => part("network-interface", id),
            Component::Group(id) => part("security-group", id),
            Component::Acl(subnet) => match self.acls.get(subnet) {
                Some(id) => part("network-acl", id),
                None => part("subnet", subnet),
            },
            Component::RouteTable(id) => part("route-table", id),
            Component::InternetGateway(vpc) => match self.internet.get(vpc) {
                Some(id) => part("internet-gateway", id),
                None => part("vpc", vpc),
            },
            Component::EgressOnlyGateway(vpc) => match self.egress_only.get(vpc) {
                Some(id) => part("egress-only-internet-gateway", id),
                None => part("vpc", vpc),
            },
            Component::NatGateway(id) => part("natgateway", id),
            Component::Subnet(id) => part("subnet", id),
            Component::Vpc(id) => part("vpc", id),
            Component::Service(name) => part("service", name),
            Component::Outside(address) => part("address", address),
        }
    }

    fn hop(&self, hop: &Hop) -> FoundHop {
        FoundHop {
            part: self.part(&hop.component),
            vpc: hop.vpc.as_ref().map(ToString::to_string),
            subnet: hop.subnet.as_ref().map(ToString::to_string),
            inbound: hop.inbound,
            outbound: hop.outbound,
            rule: hop.rule.as_ref().map(|rule| self.rule(rule, hop.vpc.as_ref())),
        }
    }

    fn reason(&self, reason: &Explanation) -> FoundReason {
        let vpc = reason.vpc.clone().or_else(|| self.subnets.get(reason.subnet.as_ref()?).cloned());
        FoundReason {
            code: reason.code.as_str().to_owned(),
            part: self.part(&reason.component),
            answer: reason.way == cumulet_reach::Way::Back,
            egress: reason.direction.map(|direction| direction == Direction::Egress),
            subnet: reason.subnet.as_ref().map(ToString::to_string),
            interface: reason.interface.as_ref().map(ToString::to_string),
            groups: reason.groups.clone(),
            rule: reason.rule.as_ref().map(|rule| self.rule(rule, vpc.as_ref())),
            vpc: vpc.as_ref().map(ToString::to_string),
            packet: reason.packet,
            text: reason.text(),
            remedy: reason.remedy().to_owned(),
        }
    }

    fn rule(&self, rule: &HopRule, vpc: Option<&VpcId>) -> FoundRule {
        match rule {
            HopRule::Group(hit) => FoundRule::Group {
                group: hit.group.clone(),
                egress: hit.direction == Direction::Egress,
                rule: hit.rule.clone(),
            },
            HopRule::Acl(hit) => acl(hit),
            HopRule::Route(hit) => self.route(hit, vpc),
        }
    }

    fn route(&self, hit: &RouteHit, vpc: Option<&VpcId>) -> FoundRule {
        let of = |gateways: &HashMap<VpcId, String>| vpc.and_then(|vpc| gateways.get(vpc)).cloned();
        let target = match &hit.target {
            None => Some("local".to_owned()),
            Some(RouteTarget::InternetGateway) => of(&self.internet).or_else(|| Some("igw".to_owned())),
            Some(RouteTarget::EgressOnlyGateway) => of(&self.egress_only).or_else(|| Some("eigw".to_owned())),
            Some(RouteTarget::NatGateway(id)) => Some(id.to_string()),
            Some(RouteTarget::Interface(id)) => Some(id.to_string()),
            Some(RouteTarget::Blackhole) => None,
        };
        FoundRule::Route { to: hit.to, target, active: hit.active }
    }
}

fn acl(hit: &AclHit) -> FoundRule {
    let egress = hit.direction == Direction::Egress;
    match &hit.entry {
        Some(entry) => FoundRule::Acl {
            number: entry.number,
            egress,
            allow: entry.allow,
            traffic: entry.traffic,
            cidr: entry.cidr,
        },
        None => FoundRule::Acl {
            number: LAST_ENTRY,
            egress,
            allow: false,
            traffic: Traffic::All,
            cidr: IpNet::V4(Ipv4Net::default()),
        },
    }
}
