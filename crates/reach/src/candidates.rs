//! The packets that a question can be about: its open ends filled with what can make a difference.
//!
//! Addresses are those of the interfaces, or outside one of each range that a rule, an ACL or a route names. Ports are
//! where the answer of some rule or ACL entry changes; between two of them all are alike.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use cumulet_model::VpcId;
use cumulet_model::security::{Peer, PortRange, Traffic};
use cumulet_ports::network::{AclEntry, InterfaceSpec, VpcSpec};
use ipnet::IpNet;

use crate::topology::{Net, PublicOf, addresses, private_addresses};
use crate::{Asked, Code, Component, Endpoint, Explanation, Protocol, Question, Way};

/// Somewhere on the internet (RFC 5737, RFC 3849).
const SOMEWHERE: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1)), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))];
/// The ports that Linux's clients connect from.
const CLIENTS: PortRange = PortRange { first: 32768, last: 60999 };
const MOST_ADDRESSES: usize = 64;
const MOST_PORTS: usize = 128;
const MOST_CLIENT_PORTS: usize = 32;

/// Where a packet begins.
#[derive(Clone, Copy)]
pub enum Origin<'a> {
    /// At an interface.
    Interface(usize, &'a InterfaceSpec),
    /// Outside.
    Outside,
}

/// Where it shall end.
#[derive(Clone)]
pub enum Target<'a> {
    /// At this interface.
    Interface(&'a InterfaceSpec),
    /// Outside, by this VPC's gateway.
    Gateway(VpcId),
    /// With whoever has the address.
    Anyone,
}

/// A pair of ends.
#[derive(Clone)]
pub struct Ends<'a> {
    /// Where it begins.
    pub origin: Origin<'a>,
    /// From which address.
    pub source: IpAddr,
    /// To which address.
    pub destination: IpAddr,
    /// Where it shall end.
    pub target: Target<'a>,
}

/// All pairs of ends that the question leaves open, the likeliest first; or why there are none.
pub fn ends<'a>(net: &Net<'a>, question: &Question) -> Result<Vec<Ends<'a>>, Box<Explanation>> {
    let mut all = Vec::new();
    for (origin, sources) in origins(net, question)? {
        for (destination, target) in destinations(net, question, origin)? {
            for source in sources.iter().filter(|source| source.is_ipv4() == destination.is_ipv4()) {
                let target = target.clone();
                all.push(Ends { origin, source: *source, destination, target });
            }
        }
    }
    all.sort_by_key(|ends| ends.destination.is_ipv6());
    if all.is_empty() { Err(missing(Code::NoPath, question)) } else { Ok(all) }
}

fn missing(code: Code, question: &Question) -> Box<Explanation> {
    Box::new(Explanation::new(code, component_of(&question.source), Way::Forward))
}

fn component_of(endpoint: &Endpoint) -> Component {
    match endpoint {
        Endpoint::Instance(id) => Component::Instance(id.clone()),
        Endpoint::Interface(id) => Component::Interface(id.clone()),
        Endpoint::InternetGateway(id) => Component::InternetGateway(id.clone()),
        Endpoint::Address(address) => Component::Outside(*address),
    }
}

/// The interfaces that an endpoint names; none of them is there if the instance does not run.
fn interfaces<'a>(
    net: &Net<'a>,
    endpoint: &Endpoint,
) -> Result<Vec<(usize, &'a InterfaceSpec)>, Box<Explanation>> {
    let found = match endpoint {
        Endpoint::Instance(id) => net.of_instance(id),
        Endpoint::Interface(id) => net.interface(id).into_iter().collect(),
        _ => return Ok(vec![]),
    };
    if found.is_empty() {
        return Err(Box::new(Explanation::new(Code::BadState, component_of(endpoint), Way::Forward)));
    }
    Ok(found)
}

type Origins<'a> = Vec<(Origin<'a>, Vec<IpAddr>)>;

fn origins<'a>(net: &Net<'a>, question: &Question) -> Result<Origins<'a>, Box<Explanation>> {
    let wanted = question.at_source.source;
    let own = |interface: &InterfaceSpec| wanted.map_or_else(|| addresses(interface), |only| vec![only]);
    match &question.source {
        Endpoint::Instance(_) | Endpoint::Interface(_) => {
            let found = interfaces(net, &question.source)?;
            Ok(found.into_iter().map(|(at, i)| (Origin::Interface(at, i), own(i))).collect())
        }
        Endpoint::InternetGateway(id) => {
            let at = net.vpc(id).ok_or_else(|| missing(Code::NoEnd, question))?;
            if !net.vpcs[at].spec.internet_gateway {
                return Err(missing(Code::Unassociated, question));
            }
            let from = wanted.map_or_else(|| somewhere(net, net.vpcs[at].spec), |only| vec![only]);
            Ok(vec![(Origin::Outside, from)])
        }
        Endpoint::Address(address) => Ok(by_address(net, question, *address)),
    }
}

/// Whoever has an address: where VPCs overlap, the one that the destination is in.
fn by_address<'a>(net: &Net<'a>, question: &Question, address: IpAddr) -> Origins<'a> {
    if let (Some((at, PublicOf::Interface(interface, private))), true) =
        (net.public(address), address.is_ipv4())
    {
        return vec![(Origin::Interface(at, interface), vec![private])];
    }
    let destination = question.destination.as_ref().map(|end| interfaces(net, end));
    let near: Vec<usize> = destination.into_iter().flatten().flatten().map(|(at, _)| at).collect();
    let mut owners: Vec<_> =
        net.vpcs.iter().enumerate().filter_map(|(at, vpc)| Some((at, vpc.owner(address)?))).collect();
    owners.sort_by_key(|(at, _)| !near.contains(at));
    if owners.is_empty() {
        return vec![(Origin::Outside, vec![address])];
    }
    owners.into_iter().map(|(at, owner)| (Origin::Interface(at, owner), vec![address])).collect()
}

fn destinations<'a>(
    net: &Net<'a>,
    question: &Question,
    origin: Origin<'a>,
) -> Result<Vec<(IpAddr, Target<'a>)>, Box<Explanation>> {
    let wanted = question.at_source.destination;
    let Some(endpoint) = &question.destination else {
        let address = wanted.or(question.at_destination.destination);
        let address = address.ok_or_else(|| missing(Code::NoEnd, question))?;
        return Ok(vec![(address, Target::Anyone)]);
    };
    let only = |target: Target<'a>, all: Vec<IpAddr>| -> Vec<_> {
        let all = wanted.map_or(all, |only| vec![only]);
        all.into_iter().map(|address| (address, target.clone())).collect()
    };
    match endpoint {
        Endpoint::Address(address) => Ok(only(Target::Anyone, vec![*address])),
        Endpoint::InternetGateway(id) => {
            let at = net.vpc(id).ok_or_else(|| missing(Code::NoEnd, question))?;
            Ok(only(Target::Gateway(id.clone()), somewhere(net, net.vpcs[at].spec)))
        }
        Endpoint::Instance(_) | Endpoint::Interface(_) => {
            let mut all = Vec::new();
            for (at, interface) in interfaces(net, endpoint)? {
                let names = names_of(interface, at, origin);
                all.extend(only(Target::Interface(interface), names));
            }
            if all.is_empty() {
                let component = component_of(endpoint);
                return Err(Box::new(Explanation::new(Code::Disconnected, component, Way::Forward)));
            }
            Ok(all)
        }
    }
}

/// The addresses by which an origin can ask for an interface.
fn names_of(interface: &InterfaceSpec, vpc: usize, origin: Origin<'_>) -> Vec<IpAddr> {
    let public = private_addresses(interface).filter_map(|(_, public)| public).map(IpAddr::V4);
    let ipv6 = || interface.ipv6.iter().map(|address| IpAddr::V6(*address));
    match origin {
        Origin::Interface(at, _) if at == vpc => addresses(interface).into_iter().chain(public).collect(),
        Origin::Interface(..) => public.chain(ipv6()).collect(),
        Origin::Outside => {
            let mut names: Vec<_> = public.chain(ipv6()).collect();
            if names.is_empty() {
                names.push(IpAddr::V4(interface.private_ip));
            }
            names
        }
    }
}

/// Addresses outside, among which are all that a rule of the VPC tells from others.
fn somewhere(net: &Net<'_>, vpc: &VpcSpec) -> Vec<IpAddr> {
    let rules = vpc.groups.iter().flat_map(|group| group.ingress.iter().chain(&group.egress));
    let peers = rules.filter_map(|rule| match &rule.peer {
        Peer::Cidr(cidr) => Some(IpNet::V4(*cidr)),
        Peer::Cidr6(cidr) => Some(IpNet::V6(*cidr)),
        Peer::PrefixList(_) | Peer::Group(_) => None,
    });
    let lists = vpc.prefix_lists.iter().flat_map(|list| &list.prefixes).copied();
    let entries = acl_entries(vpc).map(|entry| entry.cidr);
    let routes = vpc.route_tables.iter().flat_map(|table| &table.routes).map(|route| route.to);
    let named = peers.chain(lists).chain(entries).chain(routes).filter(|net| net.prefix_len() > 0);
    let named = named.map(|net| net.hosts().next().unwrap_or(net.addr()));
    let is_inside = |address: &IpAddr| {
        net.vpcs.iter().any(|vpc| vpc.ranges().any(|range| range.contains(address)))
            || net.outside.pools.iter().any(|pool| pool.contains(address))
    };
    let mut all: Vec<IpAddr> = SOMEWHERE.to_vec();
    for address in named.filter(|address| !is_inside(address)) {
        if all.len() < MOST_ADDRESSES && !all.contains(&address) {
            all.push(address);
        }
    }
    all
}

fn acl_entries(vpc: &VpcSpec) -> impl Iterator<Item = &AclEntry> {
    let acls = vpc.subnets.iter().filter_map(|subnet| subnet.acl.as_ref());
    acls.flat_map(|acl| acl.ingress.iter().chain(&acl.egress))
}

/// What packets may carry, to be tried in this order: all destination ports from one source port, then from the next.
pub fn protocols(net: &Net<'_>, question: &Question, ends: &Ends<'_>) -> Vec<Protocol> {
    let ipv6 = ends.destination.is_ipv6();
    let icmp = |icmp_type, code| match ipv6 {
        true => Protocol::Icmpv6 { icmp_type, code },
        false => Protocol::Icmp { icmp_type, code },
    };
    let with_ports = |make: fn(u16, u16) -> Protocol| {
        let (sources, destinations) = ports(net, question);
        let pairs = sources.iter().flat_map(|from| destinations.iter().map(move |to| make(*from, *to)));
        pairs.collect()
    };
    match question.asked {
        Asked::Tcp => with_ports(|source, destination| Protocol::Tcp { source, destination }),
        Asked::Udp => with_ports(|source, destination| Protocol::Udp { source, destination }),
        Asked::Ping => vec![icmp(if ipv6 { 128 } else { 8 }, 0)],
        Asked::Icmp { icmp_type, code } => vec![icmp(icmp_type, code)],
        Asked::Other(number) => vec![Protocol::Other(number)],
    }
}

/// Source and destination ports.
fn ports(net: &Net<'_>, question: &Question) -> (Vec<u16>, Vec<u16>) {
    let specs = || net.vpcs.iter().map(|vpc| vpc.spec);
    let rules =
        specs().flat_map(|vpc| &vpc.groups).flat_map(|group| group.ingress.iter().chain(&group.egress));
    let entries = || specs().flat_map(acl_entries).map(|entry| entry.traffic);
    let at_entries: BTreeSet<u16> = entries().flat_map(edges).collect();
    let everywhere: BTreeSet<u16> = rules.map(|rule| rule.traffic).chain(entries()).flat_map(edges).collect();
    let sources = question.at_source.source_ports.unwrap_or(CLIENTS);
    let destinations = question.at_source.destination_ports.unwrap_or(PortRange::ALL);
    (within(sources, &at_entries, MOST_CLIENT_PORTS), within(destinations, &everywhere, MOST_PORTS))
}

/// Where a rule's answer changes.
fn edges(traffic: Traffic) -> impl Iterator<Item = u16> {
    let range = match traffic {
        Traffic::Tcp(range) | Traffic::Udp(range) => Some(range),
        _ => None,
    };
    range.into_iter().flat_map(|range| [Some(range.first), range.last.checked_add(1)]).flatten()
}

fn within(range: PortRange, edges: &BTreeSet<u16>, most: usize) -> Vec<u16> {
    let inside = edges.range(range.first..=range.last).copied().filter(|port| *port != range.first);
    std::iter::once(range.first).chain(inside).take(most).collect()
}
