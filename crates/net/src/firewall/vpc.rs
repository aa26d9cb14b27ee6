//! A VPC's firewall.
//!
//! The way of a guest's packet: `raw/PREROUTING` drops what does not carry the tap's own addresses; `filter/FORWARD`
//! lets flow what belongs to a connection that was allowed, then asks the sender's groups (chain `egress`, which marks
//! the packet), then the receiver's (`ingress`). To the router itself only DHCP, DNS, metadata and ping get through.
//! As on EC2, a connection that was allowed goes on when its rule is revoked; new ones are refused at once.
//!
//! The way in from the internet gateway: `nat/dnat` finds the private address, then the receiver's groups are asked.
//! What has no public address has no rule in `nat` and is not let out.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use cumulet_model::{GroupId, address};
use cumulet_ports::network::{InterfaceSpec, VpcSpec};

use super::dispatch::{End, tree};
use super::group::{PASS, render as render_group};
use super::{Rule, Ruleset, Table};
use crate::ipset::{SetKind, Sets};
use crate::names::{self, DNS_LINK_LOCAL, IGW, METADATA};

/// The mark of a packet that its sender's groups allow.
const ALLOWED: &str = "0x1/0x1";
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

fn any_tap() -> String {
    format!("{}+", names::TAP_PREFIX)
}

/// Nobody uses an address that is not its own, unless it is let off the check. Frames to the router's DHCP server come
/// before there is an address; it knows its clients by their taps.
fn raw(vpc: &VpcSpec, table: &mut Table) {
    let own = per_address(vpc.interfaces.iter(), |interface| {
        Rule::jump("ACCEPT").from(interface.private_ip).input(names::tap(&interface.id)).mac(interface.mac)
    });
    tree(table, "src", End::Source, &own);
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
    forward(vpc, table);
    groups(vpc, table, sets);
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

fn forward(vpc: &VpcSpec, table: &mut Table) {
    let chain = table.builtin("FORWARD", "DROP");
    chain.push(Rule::jump("DROP").state("INVALID"));
    chain.push(Rule::jump("ACCEPT").state("RELATED,ESTABLISHED"));
    chain.push(Rule::jump("egress").not_input(IGW));
    chain.push(Rule::jump("DROP").not_input(IGW).matching(format!("-m mark ! --mark {ALLOWED}")));
    let own_source = Rule::jump("ACCEPT").not_input(IGW).output(IGW);
    let own_source = own_source.matching(format!("-m mark ! --mark {FORWARDED}"));
    chain.push(own_source.in_set(PUBLIC_SET, "src"));
    chain.push(Rule::jump("ingress"));
    table.chain(PASS).push(Rule::jump(format!("MARK --set-xmark {ALLOWED}")));

    let senders = asked(vpc.interfaces.iter(), "out").map(|(interface, rule)| {
        (interface.private_ip, rule.from(interface.private_ip).input(names::tap(&interface.id)))
    });
    tree(table, "egress", End::Source, &senders.collect());
    for (interface, rule) in asked(unchecked(vpc), "out") {
        table.chain("egress").push(rule.input(names::tap(&interface.id)));
    }
    let receivers = asked(vpc.interfaces.iter(), "in").map(|(interface, rule)| {
        (interface.private_ip, rule.to(interface.private_ip).output(names::tap(&interface.id)))
    });
    tree(table, "ingress", End::Destination, &receivers.collect());
}

/// Each interface with the rule that asks its groups: one group's own chain, or one that asks several, which interfaces
/// with the same groups share. An interface without groups is not asked about, and so refused.
fn asked<'a>(
    interfaces: impl Iterator<Item = &'a InterfaceSpec>,
    way: &str,
) -> impl Iterator<Item = (&'a InterfaceSpec, Rule)> {
    interfaces.filter_map(move |interface| {
        let groups: BTreeSet<_> = interface.groups.iter().collect();
        let chain = match groups.len() {
            0 => return None,
            1 => names::group_chain(groups.first()?, way),
            _ => names::groups_chain(groups, way),
        };
        Some((interface, Rule::jump(chain)))
    })
}

/// The chains that ask several groups in turn, and those of the groups that are in use.
fn groups(vpc: &VpcSpec, table: &mut Table, sets: &mut Sets) {
    let together: BTreeSet<BTreeSet<&GroupId>> =
        vpc.interfaces.iter().map(|interface| interface.groups.iter().collect()).collect();
    for groups in together.iter().filter(|groups| groups.len() > 1) {
        let out = table.chain(&names::groups_chain(groups.iter().copied(), "out"));
        for group in groups {
            out.push(Rule::jump(names::group_chain(group, "out")));
            out.push(Rule::jump("RETURN").matching(format!("-m mark --mark {ALLOWED}")));
        }
        let into = table.chain(&names::groups_chain(groups.iter().copied(), "in"));
        for group in groups {
            into.push(Rule::jump(names::group_chain(group, "in")));
        }
    }
    let used: BTreeSet<&GroupId> = together.into_iter().flatten().collect();
    let mut referenced = BTreeSet::new();
    for group in vpc.groups.iter().filter(|group| used.contains(&group.id)) {
        referenced.extend(render_group(group, table, sets));
    }
    let mut members: BTreeMap<&GroupId, Vec<String>> = referenced.iter().map(|id| (id, vec![])).collect();
    for interface in &vpc.interfaces {
        for group in &interface.groups {
            if let Some(members) = members.get_mut(group) {
                members.push(interface.private_ip.to_string());
            }
        }
    }
    for (group, members) in members {
        sets.insert(&names::member_set(group), SetKind::HashIp, members);
    }
}

fn nat(vpc: &VpcSpec, table: &mut Table) {
    table.builtin("PREROUTING", "ACCEPT").push(Rule::jump("dnat").input(IGW));
    table.builtin("POSTROUTING", "ACCEPT").push(Rule::jump("snat").output(IGW));
    table.builtin("INPUT", "ACCEPT");
    table.builtin("OUTPUT", "ACCEPT");
    let public = || vpc.interfaces.iter().filter_map(|i| Some((i.private_ip, i.public_ip?)));
    let inward = public()
        .map(|(own, public)| (public, Rule::jump(format!("DNAT --to-destination {own}")).to(public)))
        .collect();
    tree(table, "dnat", End::Destination, &inward);
    let outward = public()
        .map(|(own, public)| (own, Rule::jump(format!("SNAT --to-source {public}")).from(own)))
        .collect();
    tree(table, "snat", End::Source, &outward);
}

/// TCP through the internet gateway begins with segments that the uplink carries, as some networks lose the messages by
/// which a sender would learn it.
fn mangle(table: &mut Table) {
    let clamp = || Rule::jump("TCPMSS --clamp-mss-to-pmtu").protocol("tcp");
    let first = "-m tcp --tcp-flags SYN,RST SYN";
    let chain = table.builtin("FORWARD", "ACCEPT");
    chain.push(clamp().input(IGW).matching(first)).push(clamp().output(IGW).matching(first));
}

fn per_address<'a>(
    interfaces: impl Iterator<Item = &'a InterfaceSpec>,
    rule: impl Fn(&InterfaceSpec) -> Rule,
) -> BTreeMap<Ipv4Addr, Rule> {
    interfaces.map(|interface| (interface.private_ip, rule(interface))).collect()
}
