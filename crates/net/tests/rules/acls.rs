//! What network ACLs mean, said anew and simply, against the rendered rules.

use std::net::{IpAddr, Ipv4Addr};

use cumulet_net::firewall::vpc::render;
use cumulet_ports::network::{AclEntry, AclSpec, SubnetSpec, VpcSpec};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::prelude::*;

use crate::machine::{Packet, accepts};
use crate::meaning::{address, address6, family, means, packet, traffic, vpc, wire};

fn entry() -> impl Strategy<Value = AclEntry> {
    let cidr = (0..20usize, prop_oneof![Just(32u8), Just(30), Just(16), Just(0)])
        .prop_map(|(n, length)| IpNet::from(Ipv4Net::new(address(n), length).unwrap().trunc()));
    let cidr6 = (0..20usize, prop_oneof![Just(128u8), Just(126), Just(64), Just(0)])
        .prop_map(|(n, length)| IpNet::from(Ipv6Net::new(address6(n), length).unwrap().trunc()));
    let cidr = prop_oneof![cidr, cidr6];
    (1..50u16, any::<bool>(), traffic(), cidr).prop_map(|(number, allow, traffic, cidr)| AclEntry {
        number,
        allow,
        traffic,
        cidr,
    })
}

fn entries() -> impl Strategy<Value = Vec<AclEntry>> {
    proptest::collection::vec(entry(), 0..6).prop_map(|mut entries| {
        let mut seen = std::collections::BTreeSet::new();
        entries.retain(|entry| seen.insert(entry.number));
        entries
    })
}

fn acl() -> impl Strategy<Value = Option<AclSpec>> {
    let some = (entries(), entries()).prop_map(|(ingress, egress)| AclSpec { ingress, egress });
    proptest::option::weighted(0.8, some)
}

/// The subnets of [`vpc`]'s addresses: three of 64 each.
fn subnets() -> impl Strategy<Value = Vec<SubnetSpec>> {
    proptest::collection::vec(acl(), 3).prop_map(|acls| {
        let subnet = |(n, acl)| {
            let cidr = Ipv4Net::new(Ipv4Addr::new(172, 31, 0, n * 64), 26).unwrap();
            let ipv6_cidr = Some(format!("fd00:1:0:{n}::/64").parse().unwrap());
            SubnetSpec { acl, ipv6_cidr, ..SubnetSpec::new(format!("subnet-{n:08x}").parse().unwrap(), cidr) }
        };
        (0u8..).zip(acls).map(subnet).collect()
    })
}

fn lets(entries: &[AclEntry], other: IpAddr, packet: &Packet) -> bool {
    let matching = entries.iter().filter(|entry| entry.cidr.contains(&other) && means(entry.traffic, packet));
    matching.min_by_key(|entry| entry.number).is_some_and(|entry| entry.allow)
}

/// Whether the ACLs of the subnets that a packet leaves and enters let it through.
fn crosses(vpc: &VpcSpec, packet: &Packet) -> bool {
    let has = |subnet: &&SubnetSpec, ip: IpAddr| {
        let ipv6 = subnet.ipv6_cidr.is_some_and(|block| IpNet::from(block).contains(&ip));
        ipv6 || IpNet::from(subnet.cidr).contains(&ip)
    };
    let subnet = |ip: IpAddr| vpc.subnets.iter().find(|subnet| has(subnet, ip));
    let (from, to) = (subnet(packet.source), subnet(packet.destination));
    if from == to {
        return true;
    }
    let out = from.and_then(|subnet| subnet.acl.as_ref());
    let into = to.and_then(|subnet| subnet.acl.as_ref());
    out.is_none_or(|acl| lets(&acl.egress, packet.destination, packet))
        && into.is_none_or(|acl| lets(&acl.ingress, packet.source, packet))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_first_entry_that_matches_decides_at_each_border(
        open in vpc(), family in family(), subnets in subnets(),
        flows in proptest::collection::vec((0..21usize, 0..21usize, wire()), 40),
    ) {
        let guarded = VpcSpec { subnets, ..open.clone() };
        let (without, with) = (render(&open), render(&guarded));
        for (from, to, wire) in flows {
            let (from, to) = (guarded.interfaces.get(from), guarded.interfaces.get(to));
            let Some(packet) = packet(family, from, to, wire).filter(|_| from != to) else { continue };
            let [by_groups, through] = [&without, &with].map(|firewall| {
                accepts(&firewall.rules(family).tables["filter"], &firewall.sets, "FORWARD", &packet)
            });
            prop_assert_eq!(through, by_groups && crosses(&guarded, &packet), "{:?}", packet);
        }
    }
}
