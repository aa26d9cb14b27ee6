//! A VPC's firewall.
//!
//! The way of a guest's packet: `raw/PREROUTING` drops what does not carry the tap's own addresses; `filter/FORWARD`
//! asks the network ACLs of subnets whose border it crosses, lets flow what belongs to a connection that was allowed, then asks the sender's groups (chain `egress`, which marks
//! the packet), then the receiver's (`ingress`). To the router itself only DHCP, DNS, metadata and ping get through.
//! As on EC2, a connection that was allowed goes on when its rule is revoked; new ones are refused at once.
//!
//! The way in from the internet gateway: `nat/dnat` finds the private address, then the receiver's groups are asked.
//! What has no public address has no rule in `nat` and is not let out.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use cumulet_model::address;
use cumulet_ports::network::{InterfaceSpec, VpcSpec};

use super::asking::Asking;
use super::dispatch::{End, tree};
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
    let mut ruleset = Ruleset::default();
    let mut sets = Sets::default();
    raw(vpc, ruleset.table("raw"));
    filter(vpc, ruleset.table("filter"), &mut sets);
    nat(vpc, ruleset.table("nat"));
    mangle(ruleset.table("mangle"));
    (ruleset, sets)
}

/// The part of [`render`] that changes when rules do and interfaces stay the same.
pub fn render_groups(vpc: &VpcSpec) -> (Ruleset, Sets) {
    let (mut ruleset, mut sets) = (Ruleset::default(), Sets::default());
    Asking::of_all(vpc).render(vpc, ruleset.table("filter"), &mut sets);
    (ruleset, sets)
}

fn any_tap() -> String {
    format!("{}+", names::TAP_PREFIX)
}

/// Nobody uses an address that is not its own, unless it is let off the check. Frames to the router's DHCP server come
/// before there is an address; it knows its clients by their taps.
fn raw(vpc: &VpcSpec, table: &mut Table) {
    let own = vpc.interfaces.iter().map(|interface| {
        let (own, tap, mac) = (interface.private_ip, names::tap(&interface.id), interface.mac);
        (own, format!("-s {own}/32 -i {tap} -m mac --mac-source {mac} -j ACCEPT"))
    });
    tree(table, "src", End::Source, own.collect());
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

fn filter(vpc: &VpcSpec, table: &mut Table, sets: &mut Sets) {
    input(vpc, table);
    table.builtin("OUTPUT", "ACCEPT");
    let asking = Asking::of_all(vpc);
    forward(vpc, &asking, table);
    asking.render(vpc, table, sets);
    let public = vpc.interfaces.iter().filter(|i| i.public_ip.is_some()).map(|i| i.private_ip.to_string());
    sets.insert(PUBLIC_SET, SetKind::HashIp, public);
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
    chain.push(Rule::jump("DROP").not_input(IGW).matching(format!("-m mark ! --mark {ALLOWED}")));
    let own_source = Rule::jump("ACCEPT").not_input(IGW).output(IGW);
    let own_source = own_source.matching(format!("-m mark ! --mark {FORWARDED}"));
    chain.push(own_source.in_set(PUBLIC_SET, "src"));
    chain.push(Rule::jump("ingress"));
    table.chain(PASS).push(Rule::jump(format!("MARK --set-xmark {ALLOWED}")));

    let (mut senders, mut receivers) = (BTreeMap::new(), BTreeMap::new());
    for interface in &vpc.interfaces {
        // Who has no groups is not asked for, and so refused.
        let Some(chains) = asking.of(interface) else { continue };
        let (tap, own) = (names::tap(&interface.id), interface.private_ip);
        senders.insert(own, format!("-s {own}/32 -i {tap} -j {}", chains.out));
        receivers.insert(own, format!("-d {own}/32 -o {tap} -j {}", chains.into));
    }
    tree(table, "egress", End::Source, senders);
    for interface in unchecked(vpc) {
        if let Some(chains) = asking.of(interface) {
            table.chain("egress").push(Rule::jump(&chains.out).input(names::tap(&interface.id)));
        }
    }
    tree(table, "ingress", End::Destination, receivers);
}

fn nat(vpc: &VpcSpec, table: &mut Table) {
    table.builtin("PREROUTING", "ACCEPT").push(Rule::jump("dnat").input(IGW));
    table.builtin("POSTROUTING", "ACCEPT").push(Rule::jump("snat").output(IGW));
    table.builtin("INPUT", "ACCEPT");
    table.builtin("OUTPUT", "ACCEPT");
    let public = || vpc.interfaces.iter().filter_map(|i| Some((i.private_ip, i.public_ip?)));
    let inward = public()
        .map(|(own, public)| (public, format!("-d {public}/32 -j DNAT --to-destination {own}")))
        .collect();
    tree(table, "dnat", End::Destination, inward);
    let outward =
        public().map(|(own, public)| (own, format!("-s {own}/32 -j SNAT --to-source {public}"))).collect();
    tree(table, "snat", End::Source, outward);
}

/// TCP through the internet gateway begins with segments that the uplink carries, as some networks lose the messages by
/// which a sender would learn it.
fn mangle(table: &mut Table) {
    let clamp = || Rule::jump("TCPMSS --clamp-mss-to-pmtu").protocol("tcp");
    let first = "-m tcp --tcp-flags SYN,RST SYN";
    let chain = table.builtin("FORWARD", "ACCEPT");
    chain.push(clamp().input(IGW).matching(first)).push(clamp().output(IGW).matching(first));
}
