//! Random networks and flows through them: small worlds in which a good part of the flows gets through.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use cumulet_model::MacAddr;
use cumulet_model::security::{Peer, PortRange, RuleSpec, Traffic};
use cumulet_ports::network::{
    AclEntry, AclSpec, GroupSpec, InterfaceSpec, NatGatewaySpec, NetworkSpec, PrefixListSpec, RouteSpec,
    RouteTableSpec, RouteTarget, SecondaryAddress, SubnetSpec, VpcSpec,
};
use ipnet::IpNet;

use crate::model::{Flow, Kind};

/// Somewhere outside, and elsewhere outside.
pub const OUTSIDE: [Ipv4Addr; 2] = [Ipv4Addr::new(203, 0, 113, 9), Ipv4Addr::new(203, 0, 113, 200)];
/// The same with IPv6.
pub const OUTSIDE_V6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9), Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 9)];
/// Ports that are asked for and listened on.
pub const PORTS: [u16; 4] = [22, 80, 443, 8080];
const GUESTS: usize = 5;
const SUBNETS: usize = 3;

/// What a host's network can do so far.
#[derive(Debug, Clone, Copy)]
pub struct Parts {
    pub ipv6: bool,
    pub nat: bool,
    pub tables: bool,
    pub secondary: bool,
    pub prefix_lists: bool,
}

impl Parts {
    pub const ALL: Self = Self { ipv6: true, nat: true, tables: true, secondary: true, prefix_lists: true };
}

/// A source of random choices that repeats itself (SplitMix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }

    /// True in `percent` of a hundred cases.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(prefix: &str, vpc: usize, n: usize) -> T {
    // Links and namespaces are named by the first digits.
    format!("{prefix}-{vpc:02x}{n:06x}000000000").parse().unwrap()
}

/// A cloud of two VPCs, whose addresses are the same in some.
pub fn network(dice: &mut Dice, parts: Parts) -> NetworkSpec {
    let overlap = dice.chance(30);
    let mut public = (16..250).map(|n| Ipv4Addr::new(198, 18, 0, n));
    let vpcs = (1..=2).map(|n| vpc(dice, parts, n, if overlap { 0 } else { n as u8 }, &mut public)).collect();
    NetworkSpec { vpcs }
}

fn vpc(
    dice: &mut Dice,
    parts: Parts,
    n: usize,
    second: u8,
    public: &mut impl Iterator<Item = Ipv4Addr>,
) -> VpcSpec {
    let cidr: ipnet::Ipv4Net = format!("10.{second}.0.0/16").parse().unwrap();
    let more: Vec<ipnet::Ipv4Net> = if parts.tables && dice.chance(40) {
        vec![format!("100.{}.0.0/16", 64 + n).parse().unwrap()]
    } else {
        vec![]
    };
    let ipv6 = parts.ipv6 && dice.chance(80);
    let wide: Option<ipnet::Ipv6Net> = ipv6.then(|| format!("fd00:c0de:0:{n:x}00::/56").parse().unwrap());
    let nat_id = id("nat", n, 1);
    let nat = parts.nat && dice.chance(60);
    let subnets: Vec<_> = (0..SUBNETS)
        .map(|m| {
            let base = match more.first() {
                Some(more) if m == 2 => {
                    format!("{}.{}.{m}.0/24", more.addr().octets()[0], more.addr().octets()[1])
                }
                _ => format!("10.{second}.{m}.0/24"),
            };
            SubnetSpec {
                id: id("subnet", n, m + 1),
                cidr: base.parse().unwrap(),
                ipv6_cidr: (ipv6 && dice.chance(80))
                    .then(|| format!("fd00:c0de:0:{:x}::/64", n * 256 + m).parse().unwrap()),
                route_table: (parts.tables && dice.chance(60)).then(|| id("rtb", n, dice.below(SUBNETS) + 1)),
                acl: None,
            }
        })
        .collect();
    let mut spec = VpcSpec {
        more_cidrs: more,
        ipv6_cidrs: wide.into_iter().collect(),
        internet_gateway: !parts.tables || dice.chance(90),
        egress_only_gateway: ipv6 && dice.chance(70),
        route_tables: vec![],
        subnets,
        ..VpcSpec::open(id("vpc", n, 1), cidr)
    };
    if nat {
        let subnet = dice.below(SUBNETS);
        let base = spec.subnets[subnet].cidr.network().octets();
        spec.nat_gateways.push(NatGatewaySpec {
            id: nat_id,
            interface_id: id("eni", n, 0xff),
            subnet_id: spec.subnets[subnet].id.clone(),
            private_ip: Ipv4Addr::new(base[0], base[1], base[2], 200),
            public_ip: public.next().unwrap(),
            max_connections: 55_000,
        });
    }
    if parts.prefix_lists {
        let prefixes = (0..2).map(|_| range(dice, &spec, false)).collect();
        spec.prefix_lists.push(PrefixListSpec { id: id("pl", n, 1), prefixes });
    }
    spec.route_tables = match parts.tables {
        true => (1..=SUBNETS).map(|m| table(dice, &spec, id("rtb", n, m))).collect(),
        false => VpcSpec::open(id("vpc", n, 1), cidr).route_tables,
    };
    spec.interfaces = (0..GUESTS).map(|m| guest(dice, parts, n, m, &spec, public)).collect();
    spec.groups = (1..=4).map(|m| group(dice, parts, n, m, &spec)).collect();
    for at in 0..SUBNETS {
        spec.subnets[at].acl = dice.chance(35).then(|| acl(dice, &spec));
    }
    spec
}

fn table(dice: &mut Dice, vpc: &VpcSpec, id: cumulet_model::RouteTableId) -> RouteTableSpec {
    let mut routes = Vec::new();
    let nat = vpc.nat_gateways.first().map(|nat| RouteTarget::NatGateway(nat.id.clone()));
    let v4 = |dice: &mut Dice| match (dice.below(10), &nat) {
        (0..=5, _) => RouteTarget::InternetGateway,
        (6..=8, Some(nat)) => nat.clone(),
        _ => RouteTarget::Blackhole,
    };
    let v6 = |dice: &mut Dice| match dice.below(10) {
        0..=4 => RouteTarget::InternetGateway,
        5..=8 => RouteTarget::EgressOnlyGateway,
        _ => RouteTarget::Blackhole,
    };
    if dice.chance(88) {
        routes.push(RouteSpec { to: "0.0.0.0/0".parse().unwrap(), target: v4(dice) });
    }
    for to in ["203.0.113.128/25", "198.18.0.0/25", "203.0.113.0/24"] {
        if dice.chance(15) {
            routes.push(RouteSpec { to: to.parse().unwrap(), target: v4(dice) });
        }
    }
    if !vpc.ipv6_cidrs.is_empty() {
        if dice.chance(85) {
            routes.push(RouteSpec { to: "::/0".parse().unwrap(), target: v6(dice) });
        }
        if dice.chance(15) {
            routes.push(RouteSpec { to: "2001:db8:1::/48".parse().unwrap(), target: v6(dice) });
        }
    }
    RouteTableSpec { id, routes }
}

fn guest(
    dice: &mut Dice,
    parts: Parts,
    n: usize,
    m: usize,
    vpc: &VpcSpec,
    public: &mut impl Iterator<Item = Ipv4Addr>,
) -> InterfaceSpec {
    let subnet = dice.pick(&vpc.subnets);
    let base = subnet.cidr.network().octets();
    let address = |last: u8| Ipv4Addr::new(base[0], base[1], base[2], last);
    let private_ip = address(10 + m as u8);
    let second = |dice: &mut Dice, public: &mut dyn Iterator<Item = Ipv4Addr>| SecondaryAddress {
        private_ip: address(110 + m as u8),
        public_ip: dice.chance(50).then(|| public.next().unwrap()),
    };
    let groups: Vec<_> = (1..=4).filter(|_| dice.chance(40)).map(|g| id("sg", n, g)).collect();
    InterfaceSpec {
        id: id("eni", n, m + 1),
        instance_id: id("i", n, m + 1),
        subnet_id: subnet.id.clone(),
        mac: MacAddr([0x02, n as u8, 0, 0, 0, 10 + m as u8]),
        private_ip,
        public_ip: dice.chance(60).then(|| public.next().unwrap()),
        secondary: if parts.secondary && dice.chance(30) { vec![second(dice, public)] } else { vec![] },
        ipv6: subnet
            .ipv6_cidr
            .filter(|_| dice.chance(85))
            .map(|net| Ipv6Addr::from(u128::from(net.network()) + 0x1000 + m as u128))
            .into_iter()
            .collect(),
        groups: if groups.is_empty() { vec![id("sg", n, 1)] } else { groups },
        source_dest_check: !dice.chance(15),
        host_name: format!("guest-{n}-{m}"),
        queues: 1,
    }
}

/// A range that some of the flows' other ends are in.
fn range(dice: &mut Dice, vpc: &VpcSpec, ipv6: bool) -> IpNet {
    let text = |texts: &[&str], dice: &mut Dice| dice.pick(texts).parse().unwrap();
    if ipv6 {
        let mut all: Vec<IpNet> =
            vpc.subnets.iter().filter_map(|subnet| subnet.ipv6_cidr).map(IpNet::V6).collect();
        all.extend(vpc.ipv6_cidrs.iter().map(|net| IpNet::V6(*net)));
        all.extend(
            ["::/0", "::/0", "2001:db8::/48", "fd00:c0de::/48"].map(|text| text.parse::<IpNet>().unwrap()),
        );
        return dice.pick(&all);
    }
    match dice.below(8) {
        0..=2 => text(&["0.0.0.0/0"], dice),
        3 => vpc.cidr.into(),
        4 => dice.pick(&vpc.subnets).cidr.into(),
        5 => text(&["203.0.113.0/24", "203.0.113.9/32", "203.0.113.128/25"], dice),
        6 => text(&["198.18.0.0/24", "198.18.0.16/30", "198.18.0.18/32"], dice),
        _ => match vpc.interfaces.is_empty() {
            true => text(&["10.0.0.0/8"], dice),
            false => IpNet::from(IpAddr::V4(dice.pick(&vpc.interfaces).private_ip)),
        },
    }
}

fn traffic(dice: &mut Dice, ipv6: bool) -> Traffic {
    let ports = |dice: &mut Dice| match dice.below(6) {
        0 | 1 => PortRange::ALL,
        2 => PortRange { first: 0, last: 1023 },
        3 => PortRange { first: 1024, last: u16::MAX },
        4 => PortRange { first: 80, last: 443 },
        _ => {
            let port = dice.pick(&PORTS);
            PortRange { first: port, last: port }
        }
    };
    match dice.below(10) {
        0..=3 => Traffic::All,
        4..=5 => Traffic::Tcp(ports(dice)),
        6 | 7 => Traffic::Udp(ports(dice)),
        8 if ipv6 => Traffic::Icmpv6 { icmp_type: dice.pick(&[None, Some(128), Some(129)]), code: None },
        8 => Traffic::Icmp { icmp_type: dice.pick(&[None, Some(8), Some(0)]), code: None },
        _ => Traffic::Protocol(dice.pick(&[6, 17, 1, 58])),
    }
}

fn group(dice: &mut Dice, parts: Parts, n: usize, m: usize, vpc: &VpcSpec) -> GroupSpec {
    let mut rules = |most: usize| {
        let mut rules: Vec<RuleSpec> = Vec::new();
        for _ in 0..dice.below(most) + 1 {
            let ipv6 = !vpc.ipv6_cidrs.is_empty() && dice.chance(40);
            let peer = match dice.below(10) {
                0..=1 => Peer::Group(id("sg", n, dice.below(4) + 1)),
                2 if parts.prefix_lists => Peer::PrefixList(id("pl", n, 1)),
                _ => match range(dice, vpc, ipv6) {
                    IpNet::V4(net) => Peer::Cidr(net),
                    IpNet::V6(net) => Peer::Cidr6(net),
                },
            };
            let rule = RuleSpec { traffic: traffic(dice, ipv6), peer };
            if !rules.contains(&rule) {
                rules.push(rule);
            }
        }
        rules
    };
    let (ingress, mut egress) = (rules(8), rules(3));
    if dice.chance(80) {
        egress = vec![RuleSpec { traffic: Traffic::All, peer: Peer::Cidr("0.0.0.0/0".parse().unwrap()) }];
        if !vpc.ipv6_cidrs.is_empty() {
            egress.push(RuleSpec { traffic: Traffic::All, peer: Peer::Cidr6("::/0".parse().unwrap()) });
        }
    }
    GroupSpec { id: id("sg", n, m), ingress, egress }
}

fn acl(dice: &mut Dice, vpc: &VpcSpec) -> AclSpec {
    let mut entries = || {
        let mut entries: Vec<AclEntry> = (0..dice.below(4))
            .map(|at| {
                let ipv6 = !vpc.ipv6_cidrs.is_empty() && dice.chance(40);
                AclEntry {
                    number: 100 - 10 * at as u16,
                    allow: dice.chance(60),
                    traffic: traffic(dice, ipv6),
                    cidr: range(dice, vpc, ipv6),
                }
            })
            .collect();
        for (number, all) in [(200, "0.0.0.0/0"), (201, "::/0")] {
            if dice.chance(85) {
                entries.push(AclEntry {
                    number,
                    allow: true,
                    traffic: Traffic::All,
                    cidr: all.parse().unwrap(),
                });
            }
        }
        entries
    };
    AclSpec { ingress: entries(), egress: entries() }
}

/// Whence a flow is sent: VPC and interface by their places in the spec, or outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sender {
    Guest(usize, usize),
    Outside,
}

/// A flow with its sender.
#[derive(Debug, Clone, Copy)]
pub struct Trial {
    pub sender: Sender,
    pub flow: Flow,
}

/// A random flow, from a source port of its own.
pub fn trial(dice: &mut Dice, spec: &NetworkSpec, source_port: u16) -> Option<Trial> {
    let from_outside = dice.chance(25);
    let (sender, sources) = if from_outside {
        let v4 = OUTSIDE.map(IpAddr::V4);
        (Sender::Outside, v4.into_iter().chain(OUTSIDE_V6.map(IpAddr::V6)).collect())
    } else {
        let vpc = dice.below(spec.vpcs.len());
        let at = dice.below(spec.vpcs[vpc].interfaces.len());
        (Sender::Guest(vpc, at), addresses(&spec.vpcs[vpc].interfaces[at]))
    };
    let source: IpAddr = dice.pick(&sources);
    let mut targets: Vec<IpAddr> = Vec::new();
    for (at, vpc) in spec.vpcs.iter().enumerate() {
        let near = matches!(sender, Sender::Guest(own, _) if own == at);
        for guest in &vpc.interfaces {
            let publics =
                guest.public_ip.into_iter().chain(guest.secondary.iter().filter_map(|s| s.public_ip));
            targets.extend(publics.map(IpAddr::V4));
            if near {
                // Neighbours are what most is about.
                targets.extend(addresses(guest));
                targets.extend(addresses(guest));
            } else {
                targets.extend(guest.ipv6.iter().map(|ip| IpAddr::V6(*ip)));
            }
        }
        targets.extend(vpc.nat_gateways.iter().map(|nat| IpAddr::V4(nat.public_ip)));
    }
    if !from_outside {
        for _ in 0..4 {
            targets.extend(OUTSIDE.map(IpAddr::V4));
            targets.extend(OUTSIDE_V6.map(IpAddr::V6));
        }
    }
    targets.retain(|target| target.is_ipv4() == source.is_ipv4() && !sources.contains(target));
    if targets.is_empty() {
        return None;
    }
    let target = dice.pick(&targets);
    let kind = dice.pick(&[Kind::Tcp, Kind::Tcp, Kind::Udp, Kind::Udp, Kind::Ping]);
    let port = dice.pick(&PORTS);
    Some(Trial {
        sender,
        flow: Flow { kind, from: (source, source_port), to: (target, port), answer: false },
    })
}

/// All addresses of a guest.
pub fn addresses(guest: &InterfaceSpec) -> Vec<IpAddr> {
    let second = guest.secondary.iter().map(|second| IpAddr::V4(second.private_ip));
    let v6 = guest.ipv6.iter().map(|ip| IpAddr::V6(*ip));
    std::iter::once(IpAddr::V4(guest.private_ip)).chain(second).chain(v6).collect()
}
