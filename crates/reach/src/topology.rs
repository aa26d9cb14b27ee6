//! The network as a packet asks for it: who has an address, which routes a subnet has.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use cumulet_model::{GroupId, InstanceId, InterfaceId, NatGatewayId, SubnetId, VpcId, address};
use cumulet_ports::network::{
    GroupSpec, InterfaceSpec, NatGatewaySpec, NetworkSpec, RouteTableSpec, RouteTarget, SubnetSpec, VpcSpec,
};
use ipnet::IpNet;

use crate::{Outside, RouteHit};

/// The metadata service, for both families.
const METADATA: (Ipv4Addr, Ipv6Addr) =
    (Ipv4Addr::new(169, 254, 169, 254), Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254));
/// The DNS server's fixed addresses.
const DNS: (Ipv4Addr, Ipv6Addr) =
    (Ipv4Addr::new(169, 254, 169, 253), Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x253));

/// All VPCs and what is outside of them.
pub struct Net<'a> {
    /// VPCs.
    pub vpcs: Vec<Vpc<'a>>,
    /// Outside.
    pub outside: &'a Outside,
    public: HashMap<IpAddr, (usize, PublicOf<'a>)>,
}

/// Whose a public address is.
#[derive(Clone, Copy)]
pub enum PublicOf<'a> {
    /// An interface's, for one of its private addresses.
    Interface(&'a InterfaceSpec, IpAddr),
    /// A NAT gateway's.
    Nat(&'a NatGatewaySpec),
}

/// One VPC.
pub struct Vpc<'a> {
    /// What it is.
    pub spec: &'a VpcSpec,
    owners: HashMap<IpAddr, &'a InterfaceSpec>,
    groups: HashMap<&'a GroupId, &'a GroupSpec>,
    subnets: HashMap<&'a SubnetId, &'a SubnetSpec>,
}

impl<'a> Net<'a> {
    /// Looks at all of a network once.
    pub fn of(spec: &'a NetworkSpec, outside: &'a Outside) -> Self {
        let vpcs: Vec<_> = spec.vpcs.iter().map(Vpc::of).collect();
        let mut public = HashMap::new();
        for (at, vpc) in vpcs.iter().enumerate() {
            for interface in &vpc.spec.interfaces {
                for (private, its_public) in private_addresses(interface) {
                    if let Some(its_public) = its_public {
                        let owner = PublicOf::Interface(interface, private.into());
                        public.insert(its_public.into(), (at, owner));
                    }
                }
                for ipv6 in &interface.ipv6 {
                    public.insert((*ipv6).into(), (at, PublicOf::Interface(interface, (*ipv6).into())));
                }
            }
            for nat in &vpc.spec.nat_gateways {
                public.insert(nat.public_ip.into(), (at, PublicOf::Nat(nat)));
            }
        }
        Self { vpcs, outside, public }
    }

    /// The VPC and owner of an address by which the outside knows it.
    pub fn public(&self, address: IpAddr) -> Option<(usize, PublicOf<'a>)> {
        self.public.get(&address).copied()
    }

    /// The VPC of that id.
    pub fn vpc(&self, id: &VpcId) -> Option<usize> {
        self.vpcs.iter().position(|vpc| vpc.spec.id == *id)
    }

    /// An interface with its VPC.
    pub fn interface(&self, id: &InterfaceId) -> Option<(usize, &'a InterfaceSpec)> {
        self.interfaces().find(|(_, interface)| interface.id == *id)
    }

    /// An instance's interfaces.
    pub fn of_instance(&self, id: &InstanceId) -> Vec<(usize, &'a InterfaceSpec)> {
        self.interfaces().filter(|(_, interface)| interface.instance_id == *id).collect()
    }

    fn interfaces(&self) -> impl Iterator<Item = (usize, &'a InterfaceSpec)> {
        let vpcs = self.vpcs.iter().enumerate();
        vpcs.flat_map(|(at, vpc)| vpc.spec.interfaces.iter().map(move |interface| (at, interface)))
    }
}

impl<'a> Vpc<'a> {
    fn of(spec: &'a VpcSpec) -> Self {
        let mut owners = HashMap::new();
        for interface in &spec.interfaces {
            owners.extend(addresses(interface).into_iter().map(|address| (address, interface)));
        }
        Self {
            spec,
            owners,
            groups: spec.groups.iter().map(|group| (&group.id, group)).collect(),
            subnets: spec.subnets.iter().map(|subnet| (&subnet.id, subnet)).collect(),
        }
    }

    /// The interface that has a private address.
    pub fn owner(&self, address: IpAddr) -> Option<&'a InterfaceSpec> {
        self.owners.get(&address).copied()
    }

    /// A group.
    pub fn group(&self, id: &GroupId) -> Option<&'a GroupSpec> {
        self.groups.get(id).copied()
    }

    /// A subnet.
    pub fn subnet(&self, id: &SubnetId) -> Option<&'a SubnetSpec> {
        self.subnets.get(id).copied()
    }

    /// A NAT gateway.
    pub fn nat(&self, id: &NatGatewayId) -> Option<&'a NatGatewaySpec> {
        self.spec.nat_gateways.iter().find(|nat| nat.id == *id)
    }

    /// Its ranges of both families.
    pub fn ranges(&self) -> impl Iterator<Item = IpNet> {
        let v4 = std::iter::once(&self.spec.cidr).chain(&self.spec.more_cidrs).map(|cidr| IpNet::V4(*cidr));
        v4.chain(self.spec.ipv6_cidrs.iter().map(|cidr| IpNet::V6(*cidr)))
    }

    /// The route table of a subnet.
    pub fn table(&self, subnet: &SubnetSpec) -> Option<&'a RouteTableSpec> {
        let tables = &self.spec.route_tables;
        match &subnet.route_table {
            Some(id) => tables.iter().find(|table| table.id == *id),
            None => tables.first(),
        }
    }

    /// The route by which a subnet's packets get to `to`: the longest prefix; of equal ones the local.
    pub fn route(&self, subnet: &SubnetSpec, to: IpAddr) -> Option<RouteHit> {
        let table = self.table(subnet);
        let id = table.map(|table| table.id.clone());
        let hit = |to, target: Option<&RouteTarget>, active| RouteHit {
            table: id.clone(),
            to,
            target: target.cloned(),
            active,
        };
        let local = self.ranges().filter(|range| range.contains(&to)).map(|range| hit(range, None, true));
        let routes = table.into_iter().flat_map(|table| &table.routes);
        let routes = routes.filter(|route| route.to.contains(&to));
        let routes = routes.map(|route| hit(route.to, Some(&route.target), self.works(&route.target)));
        local.chain(routes).reduce(
            |best, next| {
                if next.to.prefix_len() > best.to.prefix_len() { next } else { best }
            },
        )
    }

    /// Whether a route's target is there.
    fn works(&self, target: &RouteTarget) -> bool {
        match target {
            RouteTarget::InternetGateway => self.spec.internet_gateway,
            RouteTarget::EgressOnlyGateway => self.spec.egress_only_gateway,
            RouteTarget::NatGateway(id) => self.nat(id).is_some(),
            RouteTarget::Interface(id) => self.spec.interfaces.iter().any(|interface| interface.id == *id),
            RouteTarget::Blackhole => false,
        }
    }

    /// What the VPC's router is at one of its own addresses.
    pub fn service(&self, address: IpAddr) -> Option<&'static str> {
        let is = |(v4, v6): (Ipv4Addr, Ipv6Addr)| address == IpAddr::V4(v4) || address == IpAddr::V6(v6);
        let routers = || self.spec.subnets.iter().map(|subnet| IpAddr::V4(address::router(subnet.cidr)));
        let routers6 = || {
            let ranges = self.spec.subnets.iter().filter_map(|subnet| subnet.ipv6_cidr);
            ranges.map(|range| IpAddr::V6(Ipv6Addr::from(u128::from(range.network()) | 1)))
        };
        if is(METADATA) {
            Some("metadata")
        } else if is(DNS) || address == IpAddr::V4(address::dns(self.spec.cidr)) {
            Some("dns")
        } else if routers().chain(routers6()).any(|router| router == address) {
            Some("router")
        } else {
            None
        }
    }
}

/// An interface's private IPv4 addresses, the primary first, each with its public one.
pub fn private_addresses(interface: &InterfaceSpec) -> impl Iterator<Item = (Ipv4Addr, Option<Ipv4Addr>)> {
    let secondary = interface.secondary.iter().map(|second| (second.private_ip, second.public_ip));
    std::iter::once((interface.private_ip, interface.public_ip)).chain(secondary)
}

/// All addresses that an interface may use.
pub fn addresses(interface: &InterfaceSpec) -> Vec<IpAddr> {
    let v4 = private_addresses(interface).map(|(private, _)| IpAddr::V4(private));
    v4.chain(interface.ipv6.iter().map(|address| IpAddr::V6(*address))).collect()
}

/// A subnet's range of the family of `like`.
pub fn range_of(subnet: &SubnetSpec, like: IpAddr) -> Option<IpNet> {
    match like {
        IpAddr::V4(_) => Some(subnet.cidr.into()),
        IpAddr::V6(_) => subnet.ipv6_cidr.map(IpNet::V6),
    }
}

/// Whether an address is in a subnet.
pub fn is_in(subnet: &SubnetSpec, address: IpAddr) -> bool {
    range_of(subnet, address).is_some_and(|range| range.contains(&address))
}
