//! What EC2's documentation says becomes of a packet, as short as it can be said: the VPC guide's pages on security
//! groups, network ACLs, route tables, internet gateways and NAT gateways. It is written apart from the analyser and
//! from the firewall, and shares no code with either.

use std::net::IpAddr;

use cumulet_model::security::{Peer, RuleSpec, Traffic};
use cumulet_ports::network::{
    AclEntry, InterfaceSpec, NatGatewaySpec, NetworkSpec, RouteTarget, SubnetSpec, VpcSpec,
};
use ipnet::IpNet;

/// The protocols that are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Tcp,
    Udp,
    /// Echo request and reply; ports are not looked at.
    Ping,
}

/// A flow: what one side sends first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    pub kind: Kind,
    pub from: (IpAddr, u16),
    pub to: (IpAddr, u16),
    /// Whether this is the answer.
    pub answer: bool,
}

/// Who has a packet.
#[derive(Debug, Clone, Copy)]
pub enum Holder<'a> {
    Guest(&'a VpcSpec, &'a InterfaceSpec),
    World,
}

/// What lies outside.
pub struct Surroundings {
    /// Public addresses are from here.
    pub pools: Vec<IpNet>,
    /// Whom guests do not get to.
    pub refused: Vec<IpNet>,
}

pub struct Model<'a> {
    pub spec: &'a NetworkSpec,
    pub surroundings: &'a Surroundings,
}

/// A NAT gateway that gave a flow its address, and whose it was before.
type Masked<'a> = Option<(&'a NatGatewaySpec, IpAddr)>;

impl<'a> Model<'a> {
    /// Whether a flow gets there and its answer back to where it began.
    pub fn works(&self, start: Holder<'a>, flow: Flow) -> bool {
        let mut masked = None;
        let Some((there, came)) = self.carry(start, flow, &mut masked) else { return false };
        if let Holder::Guest(vpc, _) = start
            && router_serves(vpc, flow.to.0)
        {
            return true;
        }
        let answer = Flow { from: came.to, to: came.from, answer: true, ..came };
        let Some((home, last)) = self.carry(there, answer, &mut masked) else { return false };
        let same = match (start, home) {
            (Holder::World, Holder::World) => true,
            (Holder::Guest(_, a), Holder::Guest(_, b)) => a.id == b.id,
            _ => false,
        };
        same && last.to.0 == flow.from.0
    }

    /// Where a packet arrives, and as what.
    fn carry(&self, holder: Holder<'a>, flow: Flow, masked: &mut Masked<'a>) -> Option<(Holder<'a>, Flow)> {
        let Holder::Guest(vpc, guest) = holder else { return self.inward(flow, masked) };
        if guest.source_dest_check && !own(guest).contains(&flow.from.0) {
            return None;
        }
        if router_serves(vpc, flow.to.0) {
            let port = flow.to.1;
            let served = match (flow.kind, flow.to.0.to_string().as_str()) {
                (Kind::Ping, _) => true,
                (Kind::Tcp, "169.254.169.254" | "fd00:ec2::254") => port == 80,
                (_, address) => {
                    let base = u32::from(vpc.cidr.network()) + 2;
                    let dns = std::net::Ipv4Addr::from(base).to_string();
                    [dns.as_str(), "169.254.169.253", "fd00:ec2::253"].contains(&address) && port == 53
                }
            };
            return served.then_some((holder, flow));
        }
        if !flow.answer && !guest_allows(vpc, guest, false, flow.to.0, flow) {
            return None;
        }
        let subnet = subnet(vpc, guest)?;
        leave(subnet, flow)?;
        match route(vpc, subnet, flow.to.0)? {
            Target::Local => arrive(vpc, flow),
            Target::Remote(RouteTarget::InternetGateway) if vpc.internet_gateway => {
                let seen_as = match flow.from.0 {
                    IpAddr::V6(_) => flow.from.0,
                    IpAddr::V4(private) => IpAddr::V4(public_of(guest, private)?),
                };
                self.beyond(Flow { from: (seen_as, flow.from.1), ..flow }, masked)
            }
            Target::Remote(RouteTarget::EgressOnlyGateway) => {
                let began_inside = !flow.answer;
                (vpc.egress_only_gateway && flow.from.0.is_ipv6() && began_inside).then_some(())?;
                self.beyond(flow, masked)
            }
            Target::Remote(RouteTarget::NatGateway(id)) => {
                let nat = vpc.nat_gateways.iter().find(|nat| nat.id == *id)?;
                (flow.from.0.is_ipv4() && !flow.answer).then_some(())?;
                let its = vpc.subnets.iter().find(|subnet| subnet.id == nat.subnet_id)?;
                enter(its, flow)?;
                *masked = Some((nat, flow.from.0));
                let inner = Flow { from: (nat.private_ip.into(), flow.from.1), ..flow };
                leave(its, inner)?;
                match route(vpc, its, flow.to.0)? {
                    Target::Remote(RouteTarget::InternetGateway) if vpc.internet_gateway => {}
                    _ => return None,
                }
                self.beyond(Flow { from: (nat.public_ip.into(), flow.from.1), ..flow }, masked)
            }
            Target::Remote(_) => None,
        }
    }

    /// Outside of a VPC: another's public address, or the world.
    fn beyond(&self, flow: Flow, masked: &mut Masked<'a>) -> Option<(Holder<'a>, Flow)> {
        let to = flow.to.0;
        if self.has_public(to) {
            return self.inward(flow, masked);
        }
        let closed = self.surroundings.pools.iter().chain(&self.surroundings.refused);
        (!closed.clone().any(|net| net.contains(&to))).then_some((Holder::World, flow))
    }

    fn has_public(&self, address: IpAddr) -> bool {
        self.spec.vpcs.iter().any(|vpc| {
            vpc.interfaces.iter().any(|guest| {
                pairs(guest).any(|(_, public)| public == Some(address))
                    || guest.ipv6.iter().any(|ipv6| *ipv6 == address)
            }) || vpc.nat_gateways.iter().any(|nat| nat.public_ip == address)
        })
    }

    /// By an internet gateway into a VPC.
    fn inward(&self, flow: Flow, masked: &mut Masked<'a>) -> Option<(Holder<'a>, Flow)> {
        if let Some((nat, original)) = *masked
            && flow.to.0 == nat.public_ip
        {
            flow.answer.then_some(())?;
            let vpc = self.spec.vpcs.iter().find(|vpc| vpc.nat_gateways.iter().any(|n| n.id == nat.id))?;
            let its = vpc.subnets.iter().find(|subnet| subnet.id == nat.subnet_id)?;
            enter(its, Flow { to: (nat.private_ip.into(), flow.to.1), ..flow })?;
            let inner = Flow { to: (original, flow.to.1), ..flow };
            leave(its, inner)?;
            return arrive(vpc, inner);
        }
        for vpc in &self.spec.vpcs {
            for guest in &vpc.interfaces {
                if guest.ipv6.iter().any(|ipv6| *ipv6 == flow.to.0) {
                    let by_egress_only = flow.answer && goes_by_egress_only(vpc, guest, flow.from.0);
                    (vpc.internet_gateway || by_egress_only).then_some(())?;
                    return arrive(vpc, flow);
                }
                if let Some((private, _)) = pairs(guest).find(|(_, public)| *public == Some(flow.to.0)) {
                    vpc.internet_gateway.then_some(())?;
                    return arrive(vpc, Flow { to: (private, flow.to.1), ..flow });
                }
            }
        }
        None
    }
}

fn goes_by_egress_only(vpc: &VpcSpec, guest: &InterfaceSpec, to: IpAddr) -> bool {
    let target = subnet(vpc, guest).and_then(|subnet| route(vpc, subnet, to));
    matches!(target, Some(Target::Remote(RouteTarget::EgressOnlyGateway)))
}

/// At whoever has the address in the VPC.
fn arrive<'a>(vpc: &'a VpcSpec, flow: Flow) -> Option<(Holder<'a>, Flow)> {
    let guest = vpc.interfaces.iter().find(|guest| own(guest).contains(&flow.to.0))?;
    enter(subnet(vpc, guest)?, flow)?;
    (flow.answer || guest_allows(vpc, guest, true, flow.from.0, flow))
        .then_some((Holder::Guest(vpc, guest), flow))
}

fn router_serves(vpc: &VpcSpec, address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let plus = |net: ipnet::Ipv4Net, n| u32::from(net.network()) + n == u32::from(address);
            address.octets()[..3] == [169, 254, 169] && address.octets()[3] >= 253
                || plus(vpc.cidr, 2)
                || vpc.subnets.iter().any(|subnet| plus(subnet.cidr, 1))
        }
        IpAddr::V6(address) => {
            let routers = vpc.subnets.iter().filter_map(|subnet| subnet.ipv6_cidr);
            ["fd00:ec2::253", "fd00:ec2::254"].iter().any(|text| *text == address.to_string())
                || routers.into_iter().any(|net| u128::from(net.network()) + 1 == u128::from(address))
        }
    }
}

fn own(guest: &InterfaceSpec) -> Vec<IpAddr> {
    pairs(guest).map(|(private, _)| private).chain(guest.ipv6.iter().map(|ip| IpAddr::V6(*ip))).collect()
}

fn pairs(guest: &InterfaceSpec) -> impl Iterator<Item = (IpAddr, Option<IpAddr>)> {
    let pair = |private: std::net::Ipv4Addr, public: Option<std::net::Ipv4Addr>| {
        (IpAddr::V4(private), public.map(IpAddr::V4))
    };
    let second = guest.secondary.iter().map(move |second| pair(second.private_ip, second.public_ip));
    std::iter::once(pair(guest.private_ip, guest.public_ip)).chain(second)
}

fn public_of(guest: &InterfaceSpec, private: std::net::Ipv4Addr) -> Option<std::net::Ipv4Addr> {
    pairs(guest).find(|(own, _)| *own == private).and_then(|(_, public)| match public {
        Some(IpAddr::V4(public)) => Some(public),
        _ => None,
    })
}

fn subnet<'a>(vpc: &'a VpcSpec, guest: &InterfaceSpec) -> Option<&'a SubnetSpec> {
    vpc.subnets.iter().find(|subnet| subnet.id == guest.subnet_id)
}

fn holds(subnet: &SubnetSpec, address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => subnet.cidr.contains(&address),
        IpAddr::V6(address) => subnet.ipv6_cidr.is_some_and(|net| net.contains(&address)),
    }
}

enum Target<'a> {
    Local,
    Remote(&'a RouteTarget),
}

fn route<'a>(vpc: &'a VpcSpec, subnet: &SubnetSpec, to: IpAddr) -> Option<Target<'a>> {
    let table = match &subnet.route_table {
        Some(id) => vpc.route_tables.iter().find(|table| table.id == *id),
        None => vpc.route_tables.first(),
    };
    let mut best: Option<(u8, Target<'a>)> = None;
    let mut offer = |length: u8, target: Target<'a>| {
        if best.as_ref().is_none_or(|(longest, _)| length > *longest) {
            best = Some((length, target));
        }
    };
    let v4 = [vpc.cidr].into_iter().chain(vpc.more_cidrs.iter().copied()).map(IpNet::V4);
    for range in v4.chain(vpc.ipv6_cidrs.iter().copied().map(IpNet::V6)) {
        if range.contains(&to) {
            offer(range.prefix_len(), Target::Local);
        }
    }
    for route in table.into_iter().flat_map(|table| &table.routes) {
        if route.to.contains(&to) {
            offer(route.to.prefix_len(), Target::Remote(&route.target));
        }
    }
    best.map(|(_, target)| target)
}

fn leave(subnet: &SubnetSpec, flow: Flow) -> Option<()> {
    let Some(acl) = &subnet.acl else { return Some(()) };
    (holds(subnet, flow.to.0) || acl_allows(&acl.egress, flow.to.0, flow)).then_some(())
}

fn enter(subnet: &SubnetSpec, flow: Flow) -> Option<()> {
    let Some(acl) = &subnet.acl else { return Some(()) };
    (holds(subnet, flow.from.0) || acl_allows(&acl.ingress, flow.from.0, flow)).then_some(())
}

fn acl_allows(entries: &[AclEntry], other: IpAddr, flow: Flow) -> bool {
    let mut numbered: Vec<_> = entries.iter().collect();
    numbered.sort_by_key(|entry| entry.number);
    for entry in numbered {
        if entry.cidr.contains(&other) && is_of(entry.traffic, flow) {
            return entry.allow;
        }
    }
    false
}

fn guest_allows(vpc: &VpcSpec, guest: &InterfaceSpec, inward: bool, other: IpAddr, flow: Flow) -> bool {
    let groups = vpc.groups.iter().filter(|group| guest.groups.contains(&group.id));
    let mut rules = groups.flat_map(|group| if inward { &group.ingress } else { &group.egress });
    rules.any(|rule: &RuleSpec| is_of(rule.traffic, flow) && is_peer(vpc, &rule.peer, other))
}

fn is_peer(vpc: &VpcSpec, peer: &Peer, other: IpAddr) -> bool {
    match (peer, other) {
        (Peer::Cidr(net), IpAddr::V4(other)) => net.contains(&other),
        (Peer::Cidr6(net), IpAddr::V6(other)) => net.contains(&other),
        (Peer::PrefixList(id), other) => vpc
            .prefix_lists
            .iter()
            .any(|list| list.id == *id && list.prefixes.iter().any(|p| p.contains(&other))),
        (Peer::Group(id), other) => {
            let member = |guest: &InterfaceSpec| guest.groups.contains(id) && own(guest).contains(&other);
            vpc.interfaces.iter().any(member)
        }
        _ => false,
    }
}

fn is_of(traffic: Traffic, flow: Flow) -> bool {
    let ipv6 = flow.to.0.is_ipv6();
    // Echo request and reply.
    let ping_type = match (ipv6, flow.answer) {
        (false, false) => 8,
        (false, true) => 0,
        (true, false) => 128,
        (true, true) => 129,
    };
    let number = match flow.kind {
        Kind::Tcp => 6,
        Kind::Udp => 17,
        Kind::Ping if ipv6 => 58,
        Kind::Ping => 1,
    };
    match traffic {
        Traffic::All => true,
        Traffic::Protocol(its) => its == number,
        Traffic::Tcp(range) => number == 6 && range.contains(flow.to.1),
        Traffic::Udp(range) => number == 17 && range.contains(flow.to.1),
        Traffic::Icmp { icmp_type, code } => {
            number == 1 && icmp_type.is_none_or(|t| t == ping_type) && code.is_none_or(|code| code == 0)
        }
        Traffic::Icmpv6 { icmp_type, code } => {
            number == 58 && icmp_type.is_none_or(|t| t == ping_type) && code.is_none_or(|code| code == 0)
        }
    }
}
