//! A VPC's firewall.
//!
//! The way of a guest's packet: `raw/PREROUTING` drops what does not carry the tap's own addresses ([`own`]);
//! `filter/FORWARD` ([`forward`]) asks the network ACLs of subnets whose border it crosses, lets flow what belongs to a
//! connection that was allowed, then asks the sender's groups (chain `egress`, which marks the packet), then the
//! receiver's (`ingress`). To the router itself only DHCP, DNS, metadata and ping get through ([`input`]).
//! As on EC2, a connection that was allowed goes on when its rule is revoked; new ones are refused at once.
//!
//! The way in from the internet gateway: `nat/dnat` finds the private address, then the receiver's groups are asked.
//! What has no public address has no rule in `nat` and is not let out.

use std::collections::HashMap;
use std::net::IpAddr;

use cumulet_model::SubnetId;
use cumulet_ports::network::VpcSpec;

use super::asking::Asking;
use super::dispatch::{End, Leaf, Tree};
use super::{Rule, Ruleset, Table, forward, input, nat_gateway, own};
use crate::family::Family;
use crate::ipset::{SetKind, Sets};
use crate::names::{self, IGW};
use crate::plan::{self, TableNumber};

/// The mark of a packet that its sender's groups allow.
pub(super) const ALLOWED: &str = "0x1/0x1";
/// The mark of a packet whose source is not its sender's own: it forwards for others, as its missing source check lets
/// it. Nobody is known by such a source, so it counts as no group's member and has no public address.
pub const FORWARDED: &str = "0x2/0x2";
/// The mark of a packet that leaves by a tap though its destination is not the tap's own: a guest shall forward it.
pub const FOR_STRANGERS: &str = "0x8/0x8";
/// Private addresses that have a public one.
pub(super) const PUBLIC_SET: &str = "public";

/// The rules and sets of a VPC.
pub fn render(vpc: &VpcSpec) -> (Ruleset, Sets) {
    let asking = Asking::of_all(vpc);
    let (mut ruleset, mut sets) = (frame(vpc, &asking), Sets::default());
    for tree in trees(vpc, &asking) {
        tree.put(&mut ruleset);
    }
    asking.render(vpc, Family::V4, ruleset.table("filter"), &mut sets);
    public(vpc, &mut sets);
    (ruleset, sets)
}

/// The parts of [`render`]'s results for an old and a new state of a VPC in which they can differ. All else is the same.
pub fn render_apart(old: &VpcSpec, new: &VpcSpec) -> [(Ruleset, Sets); 2] {
    let asking = [Asking::of_all(old), Asking::of_all(new)];
    let mut parts = [(Ruleset::default(), Sets::default()), (Ruleset::default(), Sets::default())];
    let same_interfaces = old.interfaces == new.interfaces;
    if !same_interfaces || !same_frame(old, new) {
        let [(old_rules, _), (new_rules, _)] = &mut parts;
        (*old_rules, *new_rules) = (frame(old, &asking[0]), frame(new, &asking[1]));
        for (was, is) in trees(old, &asking[0]).iter().zip(&trees(new, &asking[1])) {
            Tree::put_apart(was, is, (old_rules, new_rules));
        }
    }
    let sides = [(old, &asking[0]), (new, &asking[1])];
    for (at, (rules, sets)) in parts.iter_mut().enumerate() {
        let ((vpc, asking), (other, others)) = (sides[at], sides[1 - at]);
        asking.render_apart(vpc, Family::V4, (others, other), rules.table("filter"), sets);
        if !same_interfaces {
            public(vpc, sets);
        }
    }
    parts
}

/// Whether two states of a VPC have the same of all that [`frame`] and [`trees`] look at beside interfaces.
fn same_frame(old: &VpcSpec, new: &VpcSpec) -> bool {
    let frame = |vpc: &VpcSpec| VpcSpec {
        route_tables: vpc.route_tables.clone(),
        more_cidrs: vpc.more_cidrs.clone(),
        ipv6_cidrs: vpc.ipv6_cidrs.clone(),
        internet_gateway: vpc.internet_gateway,
        egress_only_gateway: vpc.egress_only_gateway,
        nat_gateways: vpc.nat_gateways.clone(),
        forwards: vpc.forwards.clone(),
        subnets: vpc.subnets.clone(),
        ..VpcSpec::open(vpc.id.clone(), vpc.cidr)
    };
    frame(old) == frame(new)
}

/// All but the trees and the groups' chains.
fn frame(vpc: &VpcSpec, asking: &Asking<'_>) -> Ruleset {
    let mut ruleset = Ruleset::default();
    own::render(vpc, ruleset.table("raw"));
    let filter = ruleset.table("filter");
    input::render(vpc, filter);
    filter.builtin("OUTPUT", "ACCEPT");
    forward::render(vpc, Family::V4, asking, filter);
    nat(vpc, ruleset.table("nat"));
    mangle(ruleset.table("mangle"));
    nat_gateway::clamp(vpc, ruleset.table("mangle"));
    ruleset
}

fn public(vpc: &VpcSpec, sets: &mut Sets) {
    let addresses = vpc.interfaces.iter().flat_map(|interface| interface.ipv4());
    let public = addresses.filter_map(|(private, public)| public.map(|_| private.to_string()));
    sets.insert(PUBLIC_SET, SetKind::HashIp(Family::V4), public);
}

/// The rules that are found by an address.
fn trees<'a>(vpc: &'a VpcSpec, asking: &'a Asking<'_>) -> [Tree<'a>; 5] {
    let family = Family::V4;
    let tables = plan::tables(vpc);
    let tables: HashMap<&SubnetId, TableNumber> =
        vpc.subnets.iter().filter_map(|subnet| Some((&subnet.id, tables.number_of(&subnet.id)?))).collect();
    let owned = || {
        vpc.interfaces.iter().flat_map(|interface| {
            let table = tables.get(&interface.subnet_id).copied();
            let addresses = family.addresses(interface).into_iter();
            addresses.map(move |(address, translated)| Leaf { address, interface, translated, table })
        })
    };
    // Who has no groups is not asked for, and so refused. What is beside the rule is left out, so that it changes none.
    let asked = || {
        let asked = owned().filter(|leaf| asking.of(leaf.interface).is_some());
        Tree::sorted(asked.map(|leaf| Leaf { translated: None, table: None, ..leaf }))
    };
    let private =
        || owned().filter(|leaf| leaf.translated.is_some()).map(|leaf| Leaf { table: None, ..leaf });
    let public = || {
        private().filter_map(|leaf| {
            Some(Leaf { address: leaf.translated?, translated: Some(leaf.address), ..leaf })
        })
    };
    let tree = |table, root, end, leaves, write| Tree { table, root, end, family, leaves, write };
    let text = |translated: Option<IpAddr>| translated.map_or_else(String::new, |ip| ip.to_string());
    [
        tree("raw", "src", End::Source, Tree::sorted(owned()), Box::new(|leaf| own_address(leaf))),
        tree(
            "filter",
            "egress",
            End::Source,
            asked(),
            Box::new(|leaf| {
                let chain = asking.of(leaf.interface).map_or("", |chains| chains.out.as_str());
                Rule::jump(chain).from(leaf.address).input(names::tap(&leaf.interface.id)).to_string()
            }),
        ),
        tree(
            "filter",
            "ingress",
            End::Destination,
            asked(),
            Box::new(|leaf| {
                let chain = asking.of(leaf.interface).map_or("", |chains| chains.into.as_str());
                Rule::jump(chain).to(leaf.address).output(names::tap(&leaf.interface.id)).to_string()
            }),
        ),
        tree(
            "nat",
            "dnat",
            End::Destination,
            Tree::sorted(public()),
            Box::new(move |leaf| {
                let target = format!("DNAT --to-destination {}", text(leaf.translated));
                Rule::jump(target).to(leaf.address).to_string()
            }),
        ),
        tree(
            "nat",
            "snat",
            End::Source,
            Tree::sorted(private()),
            Box::new(move |leaf| {
                let target = format!("SNAT --to-source {}", text(leaf.translated));
                Rule::jump(target).from(leaf.address).to_string()
            }),
        ),
    ]
}

/// A tap's own address, by its own Ethernet address.
fn own_address(leaf: &Leaf<'_>) -> String {
    let (tap, mac) = (names::tap(&leaf.interface.id), leaf.interface.mac);
    let rule = match leaf.table {
        Some(number) => Rule::go(number.chain()),
        None => Rule::jump("ACCEPT"),
    };
    rule.from(leaf.address).input(tap).mac(mac).to_string()
}

/// All taps.
pub(super) fn any_tap() -> String {
    format!("{}+", names::TAP_PREFIX)
}

fn nat(vpc: &VpcSpec, table: &mut Table) {
    table.builtin("PREROUTING", "ACCEPT").push(Rule::jump("dnat").input(IGW));
    let chain = table.builtin("POSTROUTING", "ACCEPT");
    chain.push(Rule::jump("snat").output(IGW));
    nat_gateway::translate(vpc, chain);
    table.builtin("INPUT", "ACCEPT");
    table.builtin("OUTPUT", "ACCEPT");
}

/// TCP through the internet gateway begins with segments that the uplink carries, as some networks lose the messages by
/// which a sender would learn it.
fn mangle(table: &mut Table) {
    let clamp = || Rule::jump("TCPMSS --clamp-mss-to-pmtu").protocol("tcp");
    let first = "-m tcp --tcp-flags SYN,RST SYN";
    let chain = table.builtin("FORWARD", "ACCEPT");
    chain.push(clamp().input(IGW).matching(first)).push(clamp().output(IGW).matching(first));
}
