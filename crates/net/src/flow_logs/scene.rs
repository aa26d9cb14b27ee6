//! Who is who in a VPC: from what the kernel tells of connections and refused packets to what each interface saw.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use cumulet_model::{InstanceId, InterfaceId, SubnetId, address};
use cumulet_ports::network::{RouteSpec, RouteTarget, VpcSpec};
use ipnet::IpNet;

use super::packet::Tuple;

/// An interface as records tell of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// The interface.
    pub id: InterfaceId,
    /// Its subnet.
    pub subnet_id: SubnetId,
    /// Its instance; none for one of the cloud's own, such as a NAT gateway's.
    pub instance_id: Option<InstanceId>,
    /// Its primary address, by which records tell of it whichever of its IPv4 addresses a packet has.
    pub primary: Ipv4Addr,
    /// The first one of its IPv6 addresses.
    pub primary_ipv6: Option<Ipv6Addr>,
    /// All of these.
    pub own_ipv6: Vec<Ipv6Addr>,
}

/// The VPC as a map of addresses and links.
#[derive(Debug, Clone, Default)]
pub struct Scene {
    subjects: Vec<Arc<Subject>>,
    by_address: HashMap<IpAddr, Arc<Subject>>,
    by_link: HashMap<u32, Arc<Subject>>,
    /// Interfaces that are gone, of whose last connections is still to be told.
    former: HashMap<IpAddr, Arc<Subject>>,
    /// NAT gateways by their public address.
    gateways: HashMap<IpAddr, Arc<Subject>>,
    routers: HashSet<IpAddr>,
    ranges: Vec<IpNet>,
    routes: HashMap<SubnetId, Arc<[RouteSpec]>>,
}

/// What way a packet takes that an interface sends, by EC2's numbers (VPC guide, `traffic-path`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Path {
    /// By another resource in the same VPC.
    Within = 1,
    /// By an internet gateway.
    InternetGateway = 8,
}

impl Scene {
    /// The scene of a VPC whose interfaces' taps have these indices.
    pub fn new(vpc: &VpcSpec, taps: &HashMap<u32, InterfaceId>) -> Self {
        let mut scene = Self { ranges: ranges(vpc), routers: routers(vpc), ..Self::default() };
        for interface in &vpc.interfaces {
            let subject = scene.add(Subject {
                id: interface.id.clone(),
                subnet_id: interface.subnet_id.clone(),
                instance_id: Some(interface.instance_id.clone()),
                primary: interface.private_ip,
                primary_ipv6: interface.ipv6.first().copied(),
                own_ipv6: interface.ipv6.clone(),
            });
            let secondary = interface.secondary.iter().map(|more| more.private_ip.into());
            for own in secondary.chain(interface.ipv6.iter().map(|&own| own.into())) {
                scene.by_address.insert(own, Arc::clone(&subject));
            }
        }
        for gateway in &vpc.nat_gateways {
            let subject = scene.add(Subject {
                id: gateway.interface_id.clone(),
                subnet_id: gateway.subnet_id.clone(),
                instance_id: None,
                primary: gateway.private_ip,
                primary_ipv6: None,
                own_ipv6: vec![],
            });
            scene.gateways.insert(gateway.public_ip.into(), subject);
        }
        let by_id: HashMap<_, _> = scene.subjects.iter().map(|it| (it.id.clone(), Arc::clone(it))).collect();
        let known = taps.iter().filter_map(|(link, id)| Some((*link, Arc::clone(by_id.get(id)?))));
        scene.by_link = known.collect();
        scene.routes = routes(vpc);
        scene
    }

    fn add(&mut self, subject: Subject) -> Arc<Subject> {
        let subject = Arc::new(subject);
        self.subjects.push(Arc::clone(&subject));
        self.by_address.insert(subject.primary.into(), Arc::clone(&subject));
        subject
    }

    /// All interfaces.
    pub fn subjects(&self) -> &[Arc<Subject>] {
        &self.subjects
    }

    /// The interface that has an address.
    pub fn at(&self, address: IpAddr) -> Option<&Arc<Subject>> {
        self.by_address.get(&address).or_else(|| self.former.get(&address))
    }

    /// Takes over who had addresses in an earlier scene that nobody has now.
    pub fn remember(&mut self, earlier: &Self) {
        for (address, subject) in earlier.former.iter().chain(&earlier.by_address) {
            if !self.by_address.contains_key(address) {
                self.former.insert(*address, Arc::clone(subject));
            }
        }
    }

    /// Forgets who had addresses.
    pub fn forget(&mut self) {
        self.former.clear();
    }

    /// The interface whose tap has an index.
    pub fn behind(&self, link: u32) -> Option<&Arc<Subject>> {
        self.by_link.get(&link)
    }

    /// The NAT gateway that has a public address.
    pub fn gateway(&self, public: IpAddr) -> Option<&Arc<Subject>> {
        self.gateways.get(&public)
    }

    /// Whether a flow is no concern of logs: with the VPC's own DHCP, DNS, metadata and router (VPC guide, "Flow log
    /// limitations").
    pub fn is_service(&self, tuple: &Tuple) -> bool {
        [tuple.source, tuple.destination].iter().any(|end| self.is_service_address(*end))
    }

    fn is_service_address(&self, end: IpAddr) -> bool {
        let own = match end {
            IpAddr::V4(ip) => {
                ip.is_link_local() || ip.is_unspecified() || ip.is_broadcast() || ip.is_multicast()
            }
            // fe80::/10, multicast, and fd00:ec2::/32, where EC2 has DNS and metadata.
            IpAddr::V6(ip) => {
                let [first, second, ..] = ip.segments();
                first & 0xffc0 == 0xfe80
                    || ip.is_multicast()
                    || ip.is_unspecified()
                    || (first, second) == (0xfd00, 0xec2)
            }
        };
        own || self.routers.contains(&end)
    }

    /// The interface that packets to `to` are led to on their way from a subnet, if a route says so.
    pub fn led_to(&self, from: &SubnetId, to: IpAddr) -> Option<&Arc<Subject>> {
        match &self.route(from, to)?.target {
            RouteTarget::Interface(id) => self.subjects.iter().find(|subject| subject.id == *id),
            _ => None,
        }
    }

    /// What way packets to `to` take that an interface of a subnet sends.
    pub fn path(&self, from: &SubnetId, to: IpAddr) -> Option<Path> {
        match self.route(from, to).map(|route| &route.target) {
            None => self.is_local(to).then_some(Path::Within),
            Some(RouteTarget::InternetGateway | RouteTarget::EgressOnlyGateway) => {
                Some(Path::InternetGateway)
            }
            Some(RouteTarget::NatGateway(_) | RouteTarget::Interface(_)) => Some(Path::Within),
            Some(RouteTarget::Blackhole) => None,
        }
    }

    fn is_local(&self, to: IpAddr) -> bool {
        self.ranges.iter().any(|range| range.contains(&to))
    }

    /// The route that decides; none where the local one does.
    fn route(&self, from: &SubnetId, to: IpAddr) -> Option<&RouteSpec> {
        let routes = self.routes.get(from)?;
        let best = routes.iter().filter(|route| route.to.contains(&to));
        let best = best.max_by_key(|route| route.to.prefix_len())?;
        let local = self.ranges.iter().filter(|range| range.contains(&to)).map(IpNet::prefix_len).max();
        local.is_none_or(|local| best.to.prefix_len() > local).then_some(best)
    }
}

fn ranges(vpc: &VpcSpec) -> Vec<IpNet> {
    let ipv4 = std::iter::once(vpc.cidr).chain(vpc.more_cidrs.iter().copied()).map(IpNet::V4);
    ipv4.chain(vpc.ipv6_cidrs.iter().copied().map(IpNet::V6)).collect()
}

fn routers(vpc: &VpcSpec) -> HashSet<IpAddr> {
    let mut routers: HashSet<IpAddr> = [address::dns(vpc.cidr).into()].into();
    for subnet in &vpc.subnets {
        routers.insert(address::router(subnet.cidr).into());
        routers.extend(subnet.ipv6_cidr.map(|cidr| IpAddr::V6((u128::from(cidr.network()) + 1).into())));
    }
    routers
}

fn routes(vpc: &VpcSpec) -> HashMap<SubnetId, Arc<[RouteSpec]>> {
    let mut tables: HashMap<_, Arc<[RouteSpec]>> = HashMap::new();
    for table in &vpc.route_tables {
        tables.insert(&table.id, table.routes.clone().into());
    }
    let main = vpc.route_tables.first().map(|table| &table.id);
    let of_subnet = vpc.subnets.iter().filter_map(|subnet| {
        let table = subnet.route_table.as_ref().or(main)?;
        Some((subnet.id.clone(), Arc::clone(tables.get(table)?)))
    });
    of_subnet.collect()
}
