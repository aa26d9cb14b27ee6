//! What network ACLs mean, said anew and simply, against the rendered rules.

use std::net::{IpAddr, Ipv4Addr};

use cumulet_net::firewall::vpc::render;
use cumulet_ports::network::{AclEntry, AclSpec, SubnetSpec, VpcSpec};
use ipnet::{IpNet, Ipv4Net};
use proptest::prelude::*;

use crate::machine::{Packet, accepts};
use crate::meaning::{address, means, packet, traffic, vpc, wire};

fn entry() -> impl Strategy<Value = AclEntry> {
    let cidr = (0..20usize, prop_oneof![Just(32u8), Just(30), Just(16), Just(0)])
        .prop_map(|(n, length)| Ipv4Net::new(address(n), length).unwrap().trunc());
    (1..50u16, any::<bool>(), traffic(), cidr).prop_map(|(number, allow, traffic, cidr)| AclEntry {
        number,
        allow,
        traffic,
        cidr: cidr.into(),
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
            SubnetSpec { acl, ..SubnetSpec::new(format!("subnet-{n:08x}").parse().unwrap(), cidr) }
        };
        (0u8..).zip(acls).map(subnet).collect()
    })
}

fn lets(entries: &[AclEntry], other: IpAddr, packet: &Packet) -> bool {
    let matching = entries
        .iter()
        .filter(|entry| entry.cidr.contains(&other) && means(entry.traffic, packet.protocol, packet.detail));
    matching.min_by_key(|entry| entry.number).is_some_and(|entry| entry.allow)
}

/// Whether the ACLs of the subnets that a packet leaves and enters let it through.
fn crosses(vpc: &VpcSpec, packet: &Packet) -> bool {
    let subnet = |ip: IpAddr| vpc.subnets.iter().find(|subnet| IpNet::from(subnet.cidr).contains(&ip));
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
        open in vpc(), subnets in subnets(), flows in proptest::collection::vec((0..21usize, 0..21usize, wire()), 40),
    ) {
        let guarded = VpcSpec { subnets, ..open.clone() };
        let ((open_rules, open_sets), (rules, sets)) = (render(&open), render(&guarded));
        for (from, to, wire) in flows {
            let (from, to) = (guarded.interfaces.get(from), guarded.interfaces.get(to));
            if from == to {
                continue;
            }
            let packet = packet(from, to, wire);
            let by_groups = accepts(&open_rules.tables["filter"], &open_sets, "FORWARD", &packet);
            let through = accepts(&rules.tables["filter"], &sets, "FORWARD", &packet);
            prop_assert_eq!(through, by_groups && crosses(&guarded, &packet), "{:?}", packet);
        }
    }
}
