//! What groups mean, said anew and simply, against the rendered rules.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use cumulet_model::security::{Peer, PortRange, RuleSpec, Traffic};
use cumulet_model::{GroupId, MacAddr, PrefixListId};
use cumulet_net::family::Family;
use cumulet_net::firewall::vpc::render;
use cumulet_net::{names, plan};
use cumulet_ports::network::{
    GroupSpec, InterfaceSpec, PrefixListSpec, RouteSpec, RouteTarget, SecondaryAddress, SubnetSpec, VpcSpec,
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::prelude::*;

use crate::machine::{Packet, accepts, through};

fn group_id(n: usize) -> GroupId {
    format!("sg-{n:017x}").parse().unwrap()
}

/// Interface `n`'s address; the spread makes the trees of chains branch.
pub fn address(n: usize) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(172, 31, 0, 4)) + n as u32 * 7)
}

/// Interface `n`'s second address, if it has one.
pub fn second_address(n: usize) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(172, 31, 2, 4)) + n as u32 * 5)
}

/// Interface `n`'s IPv6 address, if it has one: each /26 of IPv4 goes with a /64.
pub fn address6(n: usize) -> Ipv6Addr {
    let [.., third, fourth] = address(n).octets();
    Ipv6Addr::new(0xfd00, 1, 0, u16::from(third) * 4 + u16::from(fourth / 64), 0, 0, 0, n as u16 * 7 + 4)
}

/// The ends of packets that are no interface's.
fn outside(family: Family) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::new(203, 0, 113, 9).into(),
        Family::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0, 9, 0, 0, 0, 9).into(),
    }
}

pub fn family() -> impl Strategy<Value = Family> {
    prop_oneof![Just(Family::V4), Just(Family::V6)]
}

fn list_id(n: usize) -> PrefixListId {
    format!("pl-{n:017x}").parse().unwrap()
}

/// Two lists, one of each family.
fn lists() -> impl Strategy<Value = Vec<PrefixListSpec>> {
    let near = (0..20usize, prop_oneof![Just(32u8), Just(29), Just(0)]);
    let near6 = (0..20usize, prop_oneof![Just(128u8), Just(125), Just(0)]);
    let v4 = near.prop_map(|(n, length)| Ipv4Net::new(address(n), length).unwrap().trunc().into());
    let v6 = near6.prop_map(|(n, length)| Ipv6Net::new(address6(n), length).unwrap().trunc().into());
    (proptest::collection::vec(v4, 0..4), proptest::collection::vec(v6, 0..4)).prop_map(|(v4, v6)| {
        let list = |(n, prefixes)| PrefixListSpec { id: list_id(n), prefixes };
        [v4, v6].into_iter().enumerate().map(list).collect()
    })
}

/// Any traffic that a rule can mean.
pub fn traffic() -> impl Strategy<Value = Traffic> {
    let ports = (1u16..6, 0u16..3).prop_map(|(first, more)| PortRange { first, last: first + more });
    let ports = prop_oneof![ports, Just(PortRange::ALL)];
    let icmp = (proptest::option::of(prop_oneof![0u8..4, Just(255)]), proptest::option::of(0u8..3));
    prop_oneof![
        Just(Traffic::All),
        ports.clone().prop_map(Traffic::Tcp),
        ports.prop_map(Traffic::Udp),
        icmp.clone().prop_map(|(icmp_type, code)| Traffic::Icmp { icmp_type, code: icmp_type.and(code) }),
        icmp.prop_map(|(icmp_type, code)| Traffic::Icmpv6 { icmp_type, code: icmp_type.and(code) }),
        prop_oneof![Just(0u8), Just(47), Just(132), Just(6)].prop_map(Traffic::Protocol),
    ]
}

fn peer(groups: usize) -> impl Strategy<Value = Peer> {
    let near = (0..20usize, prop_oneof![Just(32u8), Just(30), Just(16)])
        .prop_map(|(n, length)| Peer::Cidr(Ipv4Net::new(address(n), length).unwrap()));
    let all = Just(Peer::Cidr("0.0.0.0/0".parse().unwrap()));
    let outside = Just(Peer::Cidr("203.0.113.0/24".parse().unwrap()));
    let near6 = (0..20usize, prop_oneof![Just(128u8), Just(126), Just(64), Just(0)])
        .prop_map(|(n, length)| Peer::Cidr6(Ipv6Net::new(address6(n), length).unwrap()));
    let list = (0..2usize).prop_map(|n| Peer::PrefixList(list_id(n)));
    prop_oneof![4 => near, 4 => near6, 1 => all, 1 => outside, 2 => list, 4 => (0..groups).prop_map(|n| Peer::Group(group_id(n)))]
}

fn rules(groups: usize) -> impl Strategy<Value = Vec<RuleSpec>> {
    let rule = (traffic(), peer(groups)).prop_map(|(traffic, peer)| RuleSpec { traffic, peer });
    proptest::collection::vec(rule, 0..5)
}

prop_compose! {
    /// A random VPC of up to 4 groups and 19 interfaces.
    pub fn vpc()(groups in 1..5usize)(
        rules in proptest::collection::vec((rules(groups), rules(groups)), groups),
        interfaces in proptest::collection::vec(
            (proptest::collection::btree_set(0..groups, 1..=groups), any::<[bool; 4]>()), 1..20),
        prefix_lists in lists(),
    ) -> VpcSpec {
        let subnet = SubnetSpec {
            ipv6_cidr: Some("fd00:1::/56".parse().unwrap()),
            ..SubnetSpec::new("subnet-00000001".parse().unwrap(), "172.31.0.0/20".parse().unwrap())
        };
        let groups = rules.into_iter().enumerate()
            .map(|(n, (ingress, egress))| GroupSpec { id: group_id(n), ingress, egress }).collect();
        let interfaces = interfaces.into_iter().enumerate().map(|(n, (groups, [public, second, second_public, ipv6]))| InterfaceSpec {
            id: format!("eni-{n:011x}000000").parse().unwrap(),
            instance_id: format!("i-{n:017x}").parse().unwrap(),
            subnet_id: subnet.id.clone(),
            mac: MacAddr::for_private_ip(0, address(n)),
            private_ip: address(n),
            public_ip: public.then(|| Ipv4Addr::new(198, 18, 0, 4 + n as u8)),
            secondary: second.then(|| SecondaryAddress {
                private_ip: second_address(n),
                public_ip: second_public.then(|| Ipv4Addr::new(198, 18, 1, 4 + n as u8)),
            }).into_iter().collect(),
            ipv6: ipv6.then(|| address6(n)).into_iter().collect(),
            groups: groups.into_iter().map(group_id).collect(),
            source_dest_check: true,
            host_name: String::new(),
            queues: 1,
        }).collect();
        VpcSpec {
            subnets: vec![subnet], groups, interfaces, prefix_lists,
            ..VpcSpec::open("vpc-00000001".parse().unwrap(), "172.31.0.0/16".parse().unwrap())
        }
    }
}

/// What a packet is, on the wire.
pub fn wire() -> impl Strategy<Value = (u8, (u16, u8))> {
    prop_oneof![
        (prop_oneof![Just(6u8), Just(17)], 0u16..9).prop_map(|(protocol, port)| (protocol, (port, 0))),
        (prop_oneof![Just(1u8), Just(58)], 0u16..5, 0u8..4)
            .prop_map(|(protocol, kind, code)| (protocol, (kind, code))),
        prop_oneof![Just(47u8), Just(132), Just(50)].prop_map(|protocol| (protocol, (0, 0))),
    ]
}

/// Whether a rule's traffic is a packet's.
pub fn means(traffic: Traffic, packet: &Packet) -> bool {
    let (protocol, detail) = (packet.protocol, packet.detail);
    let icmp = |number, icmp_type: Option<u8>, code: Option<u8>| {
        protocol == number
            && icmp_type.is_none_or(|wanted| u16::from(wanted) == detail.0)
            && code.is_none_or(|wanted| wanted == detail.1)
    };
    match traffic {
        Traffic::All => true,
        Traffic::Tcp(range) => protocol == 6 && range.contains(detail.0),
        Traffic::Udp(range) => protocol == 17 && range.contains(detail.0),
        Traffic::Icmp { icmp_type, code } => packet.source.is_ipv4() && icmp(1, icmp_type, code),
        Traffic::Icmpv6 { icmp_type, code } => packet.source.is_ipv6() && icmp(58, icmp_type, code),
        Traffic::Protocol(number) => protocol == number,
    }
}

/// All addresses of an interface.
fn all_of(interface: &InterfaceSpec) -> Vec<IpAddr> {
    let ip6 = interface.ipv6.iter().map(|own| IpAddr::from(*own));
    interface.ipv4().map(|(own, _)| own.into()).chain(ip6).collect()
}

/// Whether one of the groups `own` has a rule for the packet; `member` is whom its other end counts as, if anybody.
fn allows(
    vpc: &VpcSpec,
    own: &[GroupId],
    ingress: bool,
    other: IpAddr,
    member: Option<IpAddr>,
    packet: &Packet,
) -> bool {
    vpc.groups.iter().filter(|group| own.contains(&group.id)).any(|group| {
        let rules = if ingress { &group.ingress } else { &group.egress };
        rules.iter().any(|rule| {
            let peer = match &rule.peer {
                Peer::Cidr(cidr) => IpNet::from(*cidr).contains(&other),
                Peer::Cidr6(cidr) => IpNet::from(*cidr).contains(&other),
                Peer::PrefixList(id) => {
                    let list = vpc.prefix_lists.iter().find(|list| list.id == *id).unwrap();
                    list.prefixes.iter().any(|prefix| prefix.contains(&other))
                }
                Peer::Group(id) => {
                    let has = |i: &InterfaceSpec| all_of(i).contains(&member.unwrap_or(outside(Family::V4)));
                    vpc.interfaces.iter().any(|i| has(i) && i.groups.contains(id))
                }
            };
            peer && means(rule.traffic, packet)
        })
    })
}

/// The first packet from an interface, or from outside, to another, from and to its first addresses; `None` if one of
/// them has none of this family.
pub fn packet(
    family: Family,
    from: Option<&InterfaceSpec>,
    to: Option<&InterfaceSpec>,
    wire: (u8, (u16, u8)),
) -> Option<Packet> {
    let link = |interface: Option<&InterfaceSpec>| {
        interface.map_or(names::IGW.to_owned(), |interface| names::tap(&interface.id))
    };
    let address = |interface: Option<&InterfaceSpec>| match interface {
        Some(interface) => family.addresses(interface).first().map(|(own, _)| *own),
        None => Some(outside(family)),
    };
    Some(Packet {
        input: link(from),
        output: link(to),
        source: address(from)?,
        destination: address(to)?,
        mac: from.map_or("02:00:00:00:00:00".into(), |i| i.mac.to_string()),
        protocol: wire.0,
        detail: wire.1,
        mark: 0,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_connection_begins_if_and_only_if_both_ends_groups_allow_it(
        vpc in vpc(), family in family(), gateway in any::<bool>(),
        flows in proptest::collection::vec((0..21usize, 0..21usize, wire(), any::<[bool; 2]>()), 40),
    ) {
        let vpc = VpcSpec { internet_gateway: gateway, ..vpc };
        let firewall = render(&vpc);
        for (from, to, wire, seconds) in flows {
            let (from, to) = (vpc.interfaces.get(from), vpc.interfaces.get(to));
            let Some(mut packet) = packet(family, from, to, wire).filter(|_| from != to) else { continue };
            let second = |i: &InterfaceSpec| i.secondary.first().filter(|_| family == Family::V4).map(|a| a.private_ip);
            let chosen = |i: Option<&InterfaceSpec>, wanted: bool| i.and_then(second).filter(|_| wanted);
            packet.source = chosen(from, seconds[0]).map_or(packet.source, IpAddr::from);
            packet.destination = chosen(to, seconds[1]).map_or(packet.destination, IpAddr::from);
            let (near, far) = (packet.source, packet.destination);
            let leaves = from.is_none_or(|i| allows(&vpc, &i.groups, false, far, Some(far), &packet));
            let has_way_out = |i: &InterfaceSpec| {
                let public = |(own, public): (IpAddr, Option<IpAddr>)| packet.source == own && public.is_some();
                family == Family::V6 || family.addresses(i).into_iter().any(public)
            };
            let arrives = match to {
                Some(i) => allows(&vpc, &i.groups, true, near, Some(near), &packet),
                None => from.is_some_and(has_way_out),
            };
            let open = gateway || (from.is_some() && to.is_some());
            let rules = firewall.rules(family);
            let through = accepts(&rules.tables["filter"], &firewall.sets, "FORWARD", &packet);
            prop_assert_eq!(through, open && leaves && arrives, "{:?}", packet);
        }
    }

    #[test]
    fn only_a_taps_own_addresses_pass_its_door_and_are_marked_with_its_route_table(
        vpc in vpc(), family in family(), tap in 0..20usize, ip in 0..20usize, mac in 0..20usize,
        second: bool, unchecked: bool,
    ) {
        let mut vpc = vpc;
        let count = vpc.interfaces.len();
        let (tap, ip, mac) = (tap % count, ip % count, mac % count);
        vpc.interfaces[tap].source_dest_check = !unchecked;
        let firewall = render(&vpc);
        let Some(mut packet) = packet(family, vpc.interfaces.get(ip), None, (6, (80, 0))) else { return Ok(()) };
        packet.input = names::tap(&vpc.interfaces[tap].id);
        let second = vpc.interfaces[ip].secondary.first().filter(|_| second && family == Family::V4);
        packet.source = second.map_or(packet.source, |address| address.private_ip.into());
        packet.mac = vpc.interfaces[mac].mac.to_string();
        let passed = through(&firewall.rules(family).tables["raw"], &firewall.sets, "PREROUTING", &packet);
        prop_assert_eq!(passed.is_some(), (tap == ip || unchecked) && tap == mac);
        if let Some(passed) = passed {
            let table = plan::tables(&vpc).number_of(&vpc.interfaces[tap].subnet_id).expect("a main table");
            prop_assert_eq!(passed.mark & plan::TABLE_MASK, table.mark());
            prop_assert_eq!(passed.mark & 2 != 0, tap != ip, "what is forwarded is known");
        }
    }

    #[test]
    fn a_guest_that_forwards_is_held_by_its_own_groups_and_gets_nobodys_rights(
        mut vpc in vpc(), family in family(), flows in proptest::collection::vec((0..20usize, 0..21usize, wire()), 40),
    ) {
        let count = vpc.interfaces.len();
        prop_assume!(count > 1);
        vpc.interfaces[0].source_dest_check = false;
        let firewall = render(&vpc);
        let rules = firewall.rules(family);
        let forwarder = vpc.interfaces[0].clone();
        for (claimed, to, wire) in flows {
            let claimed = &vpc.interfaces[1 + claimed % (count - 1)];
            let to = vpc.interfaces[1..].get(to);
            let Some(packet) = packet(family, Some(claimed), to, wire).filter(|_| to != Some(claimed)) else { continue };
            let packet = Packet { input: names::tap(&forwarder.id), mac: forwarder.mac.to_string(), ..packet };
            let packet = through(&rules.tables["raw"], &firewall.sets, "PREROUTING", &packet).expect("it may forward");
            let (near, far) = (packet.source, packet.destination);
            let leaves = allows(&vpc, &forwarder.groups, false, far, Some(far), &packet);
            let arrives = to.is_some_and(|i| allows(&vpc, &i.groups, true, near, None, &packet));
            let reaches = accepts(&rules.tables["filter"], &firewall.sets, "FORWARD", &packet);
            prop_assert_eq!(reaches, leaves && arrives, "{:?}", packet);
            let destination = match family {
                Family::V4 => names::METADATA.into(),
                Family::V6 => names::METADATA_V6.into(),
            };
            let metadata = Packet { protocol: 6, detail: (80, 0), destination, ..packet };
            prop_assert!(!accepts(&rules.tables["filter"], &firewall.sets, "INPUT", &metadata));
        }
    }

    #[test]
    fn what_is_for_others_is_given_to_a_guest_that_routes_lead_to_if_it_may_forward_and_its_groups_say_so(
        vpc in vpc(), family in family(), flows in proptest::collection::vec((1..20usize, wire()), 40), unchecked: bool,
    ) {
        let mut vpc = vpc;
        prop_assume!(vpc.interfaces.len() > 1);
        vpc.interfaces[0].source_dest_check = !unchecked;
        let target = RouteTarget::Interface(vpc.interfaces[0].id.clone());
        vpc.route_tables[0].routes = vec![RouteSpec { to: Ipv4Net::default().into(), target }];
        let firewall = render(&vpc);
        let forwarder = &vpc.interfaces[0];
        for (from, wire) in flows {
            let Some(from) = vpc.interfaces.get(from) else { continue };
            let Some(packet) = packet(family, Some(from), None, wire) else { continue };
            let stranger = Packet { output: names::tap(&forwarder.id), ..packet };
            let (near, far) = (stranger.source, stranger.destination);
            let leaves = allows(&vpc, &from.groups, false, far, Some(far), &stranger);
            let arrives = allows(&vpc, &forwarder.groups, true, near, Some(near), &stranger);
            let filter = &firewall.rules(family).tables["filter"];
            let through = accepts(filter, &firewall.sets, "FORWARD", &stranger);
            prop_assert_eq!(through, unchecked && leaves && arrives, "{:?}", stranger);
        }
    }

    #[test]
    fn every_set_and_chain_that_is_named_is_there_and_every_one_there_is_named(vpc in vpc()) {
        let firewall = render(&vpc);
        for table in firewall.v4.tables.values().chain(firewall.v6.tables.values()) {
            let text: Vec<&str> = table.chains.values().flat_map(|c| &c.rules).map(String::as_str).collect();
            let named = |name: &str| text.iter().any(|rule| rule.split(' ').any(|word| word == name));
            for (name, chain) in &table.chains {
                prop_assert!(name.len() <= 28);
                let begin = name.split('-').next().expect("a part");
                let root = chain.policy.is_some()
                    || matches!(begin, "pass" | "src" | "snat" | "dnat" | "forwarded" | "no" | "rt");
                prop_assert!(root || named(name), "chain {} leads nowhere", name);
            }
        }
        let filters = Family::BOTH.map(|family| firewall.rules(family).tables["filter"].clone());
        let filter: Vec<String> = filters.into_iter().flat_map(|t| t.chains).flat_map(|(_, c)| c.rules).collect();
        for name in firewall.sets.0.keys() {
            prop_assert!(name.len() <= 31);
            let named = format!("--match-set {name} ");
            prop_assert!(filter.iter().any(|rule| rule.contains(&named)), "set {} is not used", name);
        }
        let named = filter.iter().filter_map(|rule| rule.split("--match-set ").nth(1)?.split(' ').next());
        for name in named {
            prop_assert!(firewall.sets.0.contains_key(name), "there is no set {}", name);
        }
    }
}
