//! What groups mean, said anew and simply, against the rendered rules.

use std::net::{IpAddr, Ipv4Addr};

use cumulet_model::security::{Peer, PortRange, RuleSpec, Traffic};
use cumulet_model::{GroupId, MacAddr};
use cumulet_net::firewall::vpc::render;
use cumulet_net::{names, plan};
use cumulet_ports::network::{
    GroupSpec, InterfaceSpec, RouteSpec, RouteTarget, SecondaryAddress, SubnetSpec, VpcSpec,
};
use ipnet::{IpNet, Ipv4Net};
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

/// Any traffic that a rule can mean.
pub fn traffic() -> impl Strategy<Value = Traffic> {
    let ports = (1u16..6, 0u16..3).prop_map(|(first, more)| PortRange { first, last: first + more });
    let ports = prop_oneof![ports, Just(PortRange::ALL)];
    let icmp = (proptest::option::of(prop_oneof![0u8..4, Just(255)]), proptest::option::of(0u8..3));
    prop_oneof![
        Just(Traffic::All),
        ports.clone().prop_map(Traffic::Tcp),
        ports.prop_map(Traffic::Udp),
        icmp.prop_map(|(icmp_type, code)| Traffic::Icmp { icmp_type, code: icmp_type.and(code) }),
        prop_oneof![Just(0u8), Just(47), Just(132), Just(6)].prop_map(Traffic::Protocol),
    ]
}

fn peer(groups: usize) -> impl Strategy<Value = Peer> {
    let near = (0..20usize, prop_oneof![Just(32u8), Just(30), Just(16)])
        .prop_map(|(n, length)| Peer::Cidr(Ipv4Net::new(address(n), length).unwrap()));
    let all = Just(Peer::Cidr("0.0.0.0/0".parse().unwrap()));
    let outside = Just(Peer::Cidr("203.0.113.0/24".parse().unwrap()));
    prop_oneof![4 => near, 1 => all, 1 => outside, 4 => (0..groups).prop_map(|n| Peer::Group(group_id(n)))]
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
            (proptest::collection::btree_set(0..groups, 1..=groups), any::<[bool; 3]>()), 1..20),
    ) -> VpcSpec {
        let subnet = SubnetSpec::new("subnet-00000001".parse().unwrap(), "172.31.0.0/20".parse().unwrap());
        let groups = rules.into_iter().enumerate()
            .map(|(n, (ingress, egress))| GroupSpec { id: group_id(n), ingress, egress }).collect();
        let interfaces = interfaces.into_iter().enumerate().map(|(n, (groups, [public, second, second_public]))| InterfaceSpec {
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
            ipv6: vec![],
            groups: groups.into_iter().map(group_id).collect(),
            source_dest_check: true,
            host_name: String::new(),
            queues: 1,
        }).collect();
        VpcSpec {
            subnets: vec![subnet], groups, interfaces,
            ..VpcSpec::open("vpc-00000001".parse().unwrap(), "172.31.0.0/16".parse().unwrap())
        }
    }
}

/// What a packet is, on the wire.
pub fn wire() -> impl Strategy<Value = (u8, (u16, u8))> {
    prop_oneof![
        (prop_oneof![Just(6u8), Just(17)], 0u16..9).prop_map(|(protocol, port)| (protocol, (port, 0))),
        (0u16..5, 0u8..4).prop_map(|detail| (1, detail)),
        prop_oneof![Just(47u8), Just(132), Just(50)].prop_map(|protocol| (protocol, (0, 0))),
    ]
}

/// Whether a rule's traffic is a packet's.
pub fn means(traffic: Traffic, protocol: u8, detail: (u16, u8)) -> bool {
    match traffic {
        Traffic::All => true,
        Traffic::Tcp(range) => protocol == 6 && range.contains(detail.0),
        Traffic::Udp(range) => protocol == 17 && range.contains(detail.0),
        Traffic::Icmp { icmp_type, code } => {
            protocol == 1
                && icmp_type.is_none_or(|wanted| u16::from(wanted) == detail.0)
                && code.is_none_or(|wanted| wanted == detail.1)
        }
        Traffic::Icmpv6 { .. } => false,
        Traffic::Protocol(number) => protocol == number,
    }
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
                Peer::Cidr6(_) | Peer::PrefixList(_) => false,
                Peer::Group(id) => {
                    let has = |i: &InterfaceSpec| i.ipv4().any(|(own, _)| Some(IpAddr::from(own)) == member);
                    vpc.interfaces.iter().any(|i| has(i) && i.groups.contains(id))
                }
            };
            peer && means(rule.traffic, packet.protocol, packet.detail)
        })
    })
}

/// The first packet from an interface, or from outside, to another.
pub fn packet(from: Option<&InterfaceSpec>, to: Option<&InterfaceSpec>, wire: (u8, (u16, u8))) -> Packet {
    let outside = Ipv4Addr::new(203, 0, 113, 9);
    let link = |interface: Option<&InterfaceSpec>| {
        interface.map_or(names::IGW.to_owned(), |interface| names::tap(&interface.id))
    };
    Packet {
        input: link(from),
        output: link(to),
        source: from.map_or(outside, |i| i.private_ip).into(),
        destination: to.map_or(outside, |i| i.private_ip).into(),
        mac: from.map_or("02:00:00:00:00:00".into(), |i| i.mac.to_string()),
        protocol: wire.0,
        detail: wire.1,
        mark: 0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_connection_begins_if_and_only_if_both_ends_groups_allow_it(
        vpc in vpc(), flows in proptest::collection::vec((0..21usize, 0..21usize, wire(), any::<[bool; 2]>()), 40),
    ) {
        let (rules, sets) = render(&vpc);
        for (from, to, wire, seconds) in flows {
            let (from, to) = (vpc.interfaces.get(from), vpc.interfaces.get(to));
            if from == to {
                continue;
            }
            let mut packet = packet(from, to, wire);
            let second = |i: &InterfaceSpec| i.secondary.first().map(|address| address.private_ip);
            let chosen = |i: Option<&InterfaceSpec>, wanted: bool| i.and_then(second).filter(|_| wanted);
            packet.source = chosen(from, seconds[0]).map_or(packet.source, IpAddr::from);
            packet.destination = chosen(to, seconds[1]).map_or(packet.destination, IpAddr::from);
            let (near, far) = (packet.source, packet.destination);
            let leaves = from.is_none_or(|i| allows(&vpc, &i.groups, false, far, Some(far), &packet));
            let arrives = match to {
                Some(i) => allows(&vpc, &i.groups, true, near, Some(near), &packet),
                None => from.is_some_and(|i| {
                    i.ipv4().any(|(own, public)| packet.source == IpAddr::from(own) && public.is_some())
                }),
            };
            let through = accepts(&rules.tables["filter"], &sets, "FORWARD", &packet);
            prop_assert_eq!(through, leaves && arrives, "{:?}", packet);
        }
    }

    #[test]
    fn only_a_taps_own_addresses_pass_its_door_and_are_marked_with_its_route_table(
        vpc in vpc(), tap in 0..20usize, ip in 0..20usize, mac in 0..20usize, second: bool, unchecked: bool,
    ) {
        let mut vpc = vpc;
        let count = vpc.interfaces.len();
        let (tap, ip, mac) = (tap % count, ip % count, mac % count);
        vpc.interfaces[tap].source_dest_check = !unchecked;
        let (rules, sets) = render(&vpc);
        let mut packet = packet(vpc.interfaces.get(tap), None, (6, (80, 0)));
        let owner = &vpc.interfaces[ip];
        let second = owner.secondary.first().filter(|_| second);
        packet.source = second.map_or(owner.private_ip, |address| address.private_ip).into();
        packet.mac = vpc.interfaces[mac].mac.to_string();
        let passed = through(&rules.tables["raw"], &sets, "PREROUTING", &packet);
        prop_assert_eq!(passed.is_some(), (tap == ip || unchecked) && tap == mac);
        if let Some(passed) = passed {
            let table = plan::tables(&vpc).number_of(&vpc.interfaces[tap].subnet_id).expect("a main table");
            prop_assert_eq!(passed.mark & plan::TABLE_MASK, table.mark());
            prop_assert_eq!(passed.mark & 2 != 0, tap != ip, "what is forwarded is known");
        }
    }

    #[test]
    fn a_guest_that_forwards_is_held_by_its_own_groups_and_gets_nobodys_rights(
        mut vpc in vpc(), flows in proptest::collection::vec((0..20usize, 0..21usize, wire()), 40),
    ) {
        let count = vpc.interfaces.len();
        prop_assume!(count > 1);
        vpc.interfaces[0].source_dest_check = false;
        let (rules, sets) = render(&vpc);
        let forwarder = vpc.interfaces[0].clone();
        for (claimed, to, wire) in flows {
            let claimed = vpc.interfaces[1 + claimed % (count - 1)].private_ip;
            let to = vpc.interfaces[1..].get(to);
            let packet = Packet { source: claimed.into(), ..packet(Some(&forwarder), to, wire) };
            let packet = through(&rules.tables["raw"], &sets, "PREROUTING", &packet).expect("it may forward");
            let far = packet.destination;
            let leaves = allows(&vpc, &forwarder.groups, false, far, Some(far), &packet);
            let arrives = to.is_some_and(|i| allows(&vpc, &i.groups, true, claimed.into(), None, &packet));
            let reaches = accepts(&rules.tables["filter"], &sets, "FORWARD", &packet);
            prop_assert_eq!(reaches, leaves && arrives, "{:?}", packet);
            let metadata = Packet { protocol: 6, detail: (80, 0), destination: names::METADATA.into(), ..packet };
            prop_assert!(!accepts(&rules.tables["filter"], &sets, "INPUT", &metadata));
        }
    }

    #[test]
    fn what_is_for_others_is_given_to_a_guest_that_routes_lead_to_if_it_may_forward_and_its_groups_say_so(
        vpc in vpc(), flows in proptest::collection::vec((1..20usize, wire()), 40), unchecked: bool,
    ) {
        let mut vpc = vpc;
        prop_assume!(vpc.interfaces.len() > 1);
        vpc.interfaces[0].source_dest_check = !unchecked;
        let target = RouteTarget::Interface(vpc.interfaces[0].id.clone());
        vpc.route_tables[0].routes = vec![RouteSpec { to: Ipv4Net::default().into(), target }];
        let (rules, sets) = render(&vpc);
        let forwarder = &vpc.interfaces[0];
        for (from, wire) in flows {
            let Some(from) = vpc.interfaces.get(from) else { continue };
            let stranger = Packet { output: names::tap(&forwarder.id), ..packet(Some(from), None, wire) };
            let (near, far) = (stranger.source, stranger.destination);
            let leaves = allows(&vpc, &from.groups, false, far, Some(far), &stranger);
            let arrives = allows(&vpc, &forwarder.groups, true, near, Some(near), &stranger);
            let through = accepts(&rules.tables["filter"], &sets, "FORWARD", &stranger);
            prop_assert_eq!(through, unchecked && leaves && arrives, "{:?}", stranger);
        }
    }

    #[test]
    fn every_set_and_chain_that_is_named_is_there_and_every_one_there_is_named(vpc in vpc()) {
        let (rules, sets) = render(&vpc);
        for table in rules.tables.values() {
            let text: Vec<&str> = table.chains.values().flat_map(|c| &c.rules).map(String::as_str).collect();
            let named = |name: &str| text.iter().any(|rule| rule.split(' ').any(|word| word == name));
            for (name, chain) in &table.chains {
                prop_assert!(name.len() <= 28);
                let begin = name.split('-').next().expect("a part");
                let root = chain.policy.is_some() || matches!(begin, "pass" | "src" | "snat" | "dnat" | "forwarded" | "no" | "rt");
                prop_assert!(root || named(name), "chain {} leads nowhere", name);
            }
        }
        for name in sets.0.keys() {
            prop_assert!(name.len() <= 31);
            let named = format!("--match-set {name} ");
            let mut filter = rules.tables["filter"].chains.values().flat_map(|c| &c.rules);
            prop_assert!(filter.any(|rule| rule.contains(&named)), "set {} is not used", name);
        }
    }
}
