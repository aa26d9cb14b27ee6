//! A VPC's firewall.
//!
//! The way of a guest's packet: `raw/PREROUTING` drops what does not carry the tap's own addresses; `filter/FORWARD`
//! asks the network ACLs of subnets whose border it crosses, lets flow what belongs to a connection that was allowed, then asks the sender's groups (chain `egress`, which marks
//! the packet), then the receiver's (`ingress`). To the router itself only DHCP, DNS, metadata and ping get through.
//! As on EC2, a connection that was allowed goes on when its rule is revoked; new ones are refused at once.
//!
//! The way in from the internet gateway: `nat/dnat` finds the private address, then the receiver's groups are asked.
//! What has no public address has no rule in `nat` and is not let out.

use std::net::Ipv4Addr;

use cumulet_model::address;
use cumulet_ports::network::{InterfaceSpec, VpcSpec};

use super::asking::Asking;
use super::dispatch::{End, Tree};
use super::group::PASS;
use super::{Rule, Ruleset, Table, acl};
use crate::ipset::{SetKind, Sets};
use crate::names::{self, DNS_LINK_LOCAL, IGW, METADATA};

/// The mark of a packet that its sender's groups allow.
pub(super) const ALLOWED: &str = "0x1/0x1";
/// The mark of a packet whose source is not its sender's own: it forwards for others, as its missing source check lets
/// it. Nobody is known by such a source, so it counts as no group's member and has no public address.
pub const FORWARDED: &str = "0x2/0x2";
/// Private addresses that have a public one.
const PUBLIC_SET: &str = "public";

/// The rules and sets of a VPC.
pub fn render(vpc: &VpcSpec) -> (Ruleset, Sets) {
    let asking = Asking::of_all(vpc);
    let (mut ruleset, mut sets) = (frame(vpc, &asking), Sets::default());
    for tree in trees(vpc, &asking) {
        tree.put(&mut ruleset);
    }
    asking.render(vpc, ruleset.table("filter"), &mut sets);
    public(vpc, &mut sets);
    (ruleset, sets)
}

/// The parts of [`render`]'s results for an old and a new state of a VPC in which they can differ. All else is the same.
pub fn render_apart(old: &VpcSpec, new: &VpcSpec) -> [(Ruleset, Sets); 2] {
    let asking = [Asking::of_all(old), Asking::of_all(new)];
    let mut parts = [(Ruleset::default(), Sets::default()), (Ruleset::default(), Sets::default())];
    let same_interfaces = old.interfaces == new.interfaces;
    if !same_interfaces || old.subnets != new.subnets {
        let [(old_rules, _), (new_rules, _)] = &mut parts;
        (*old_rules, *new_rules) = (frame(old, &asking[0]), frame(new, &asking[1]));
        for (was, is) in trees(old, &asking[0]).iter().zip(&trees(new, &asking[1])) {
            Tree::put_apart(was, is, (old_rules, new_rules));
        }
    }
    let sides = [(old, &asking[0]), (new, &asking[1])];
    for (at, (rules, sets)) in parts.iter_mut().enumerate() {
        let ((vpc, asking), (other, others)) = (sides[at], sides[1 - at]);
        asking.render_apart(vpc, (others, other), rules.table("filter"), sets);
        if !same_interfaces {
            public(vpc, sets);
        }
    }
    parts
}

/// All but the trees and the groups' chains.
fn frame(vpc: &VpcSpec, asking: &Asking<'_>) -> Ruleset {
    let mut ruleset = Ruleset::default();
    raw(vpc, ruleset.table("raw"));
    let filter = ruleset.table("filter");
    input(vpc, filter);
    filter.builtin("OUTPUT", "ACCEPT");
    forward(vpc, asking, filter);
    nat(ruleset.table("nat"));
    mangle(ruleset.table("mangle"));
    ruleset
}

fn public(vpc: &VpcSpec, sets: &mut Sets) {
    let public = vpc.interfaces.iter().filter(|i| i.public_ip.is_some()).map(|i| i.private_ip.to_string());
    sets.insert(PUBLIC_SET, SetKind::HashIp, public);
}

/// The rules that are found by an address.
fn trees<'a>(vpc: &'a VpcSpec, asking: &'a Asking<'_>) -> [Tree<'a>; 5] {
    let private = || vpc.interfaces.iter().map(|interface| (interface.private_ip, interface));
    // Who has no groups is not asked for, and so refused.
    let asked = || private().filter(|(_, interface)| asking.of(interface).is_some()).collect();
    let public = || vpc.interfaces.iter().filter_map(|interface| Some((interface.public_ip?, interface)));
    let tree = |table, root, end, leaves, write| Tree { table, root, end, leaves, write };
    let text = |public: Option<Ipv4Addr>| public.map_or_else(String::new, |public| public.to_string());
    [
        tree(
            "raw",
            "src",
            End::Source,
            private().collect(),
            Box::new(|i| {
                let (own, tap, mac) = (i.private_ip, names::tap(&i.id), i.mac);
                format!("-s {own}/32 -i {tap} -m mac --mac-source {mac} -j ACCEPT")
            }),
        ),
        tree(
            "filter",
            "egress",
            End::Source,
            asked(),
            Box::new(|i| {
                let chain = asking.of(i).map_or("", |chains| chains.out.as_str());
                format!("-s {}/32 -i {} -j {chain}", i.private_ip, names::tap(&i.id))
            }),
        ),
        tree(
            "filter",
            "ingress",
            End::Destination,
            asked(),
            Box::new(|i| {
                let chain = asking.of(i).map_or("", |chains| chains.into.as_str());
                format!("-d {}/32 -o {} -j {chain}", i.private_ip, names::tap(&i.id))
            }),
        ),
        tree(
            "nat",
            "dnat",
            End::Destination,
            public().collect(),
            Box::new(move |i| {
                format!("-d {}/32 -j DNAT --to-destination {}", text(i.public_ip), i.private_ip)
            }),
        ),
        tree(
            "nat",
            "snat",
            End::Source,
            public().map(|(_, interface)| (interface.private_ip, interface)).collect(),
            Box::new(move |i| format!("-s {}/32 -j SNAT --to-source {}", i.private_ip, text(i.public_ip))),
        ),
    ]
}

fn any_tap() -> String {
    format!("{}+", names::TAP_PREFIX)
}

/// Nobody uses an address that is not its own, unless it is let off the check. Frames to the router's DHCP server come
/// before there is an address; it knows its clients by their taps.
fn raw(vpc: &VpcSpec, table: &mut Table) {
    let chain = table.builtin("PREROUTING", "ACCEPT");
    chain.push(Rule::jump("ACCEPT").input(IGW)).push(Rule::jump("ACCEPT").input("lo"));
    chain.push(
        Rule::jump("ACCEPT")
            .from(Ipv4Addr::UNSPECIFIED)
            .to(Ipv4Addr::BROADCAST)
            .input(any_tap())
            .protocol("udp")
            .matching("-m udp --sport 68 --dport 67"),
    );
    chain.push(Rule::jump("src"));
    for interface in unchecked(vpc) {
        chain.push(Rule::jump("forwarded").input(names::tap(&interface.id)).mac(interface.mac));
    }
    chain.push(Rule::jump("DROP"));
    let forwarded = table.chain("forwarded");
    forwarded.push(Rule::jump(format!("MARK --set-xmark {FORWARDED}"))).push(Rule::jump("ACCEPT"));
}

/// Interfaces that may send for others.
fn unchecked(vpc: &VpcSpec) -> impl Iterator<Item = &InterfaceSpec> {
    vpc.interfaces.iter().filter(|interface| !interface.source_dest_check)
}

fn input(vpc: &VpcSpec, table: &mut Table) {
    let chain = table.builtin("INPUT", "DROP");
    chain.push(Rule::jump("ACCEPT").input("lo"));
    chain.push(Rule::jump("DROP").input(IGW));
    chain.push(Rule::jump("DROP").matching(format!("-m mark --mark {FORWARDED}")));
    chain.push(Rule::jump("ACCEPT").protocol("udp").matching("-m udp --sport 68 --dport 67"));
    for server in [address::dns(vpc.cidr), DNS_LINK_LOCAL] {
        for protocol in ["udp", "tcp"] {
            chain.push(Rule::jump("ACCEPT").to(server).port(protocol, 53));
        }
    }
    chain.push(Rule::jump("ACCEPT").to(METADATA).port("tcp", 80));
    chain.push(Rule::jump("ACCEPT").protocol("icmp").matching("-m icmp --icmp-type 8"));
}

fn forward(vpc: &VpcSpec, asking: &Asking<'_>, table: &mut Table) {
    let borders = acl::render(vpc, table);
    let chain = table.builtin("FORWARD", "DROP");
    chain.push(Rule::jump("DROP").state("INVALID"));
    if let Some(borders) = borders {
        chain.push(borders);
    }
    chain.push(Rule::jump("ACCEPT").state("RELATED,ESTABLISHED"));
    chain.push(Rule::jump("egress").not_input(IGW));
    chain.push(Rule::jump("forwarders").matching(format!("-m mark --mark {FORWARDED}")));
    chain.push(Rule::jump("DROP").not_input(IGW).matching(format!("-m mark ! --mark {ALLOWED}")));
    let own_source = Rule::jump("ACCEPT").not_input(IGW).output(IGW);
    let own_source = own_source.matching(format!("-m mark ! --mark {FORWARDED}"));
    chain.push(own_source.in_set(PUBLIC_SET, "src"));
    chain.push(Rule::jump("ingress"));
    table.chain(PASS).push(Rule::jump(format!("MARK --set-xmark {ALLOWED}")));

    // The packet that a guest forwards is found by its tap, as its source is not the guest's.
    table.chain("forwarders");
    for interface in unchecked(vpc) {
        if let Some(chains) = asking.of(interface) {
            let rule = Rule::jump(&chains.out).input(names::tap(&interface.id));
            table.chain("forwarders").push(rule);
        }
    }
}

fn nat(table: &mut Table) {
    table.builtin("PREROUTING", "ACCEPT").push(Rule::jump("dnat").input(IGW));
    table.builtin("POSTROUTING", "ACCEPT").push(Rule::jump("snat").output(IGW));
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
