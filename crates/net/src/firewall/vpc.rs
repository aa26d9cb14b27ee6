//! A VPC's firewall.
//!
//! The way of a guest's packet: `raw/PREROUTING` drops what does not carry the tap's own addresses ([`own`]);
//! `filter/FORWARD` ([`forward`]) asks the network ACLs of subnets whose border it crosses, lets flow what belongs to a
//! connection that was allowed, then asks the sender's groups (chain `egress`, which marks the packet), then the
//! receiver's (`ingress`), both found by the sets of their members ([`asking`](super::asking)). To the router itself only DHCP, DNS, metadata and ping get through ([`input`]).
//! As on EC2, a tracked connection goes on when its rule is revoked, an untracked one is cut ([`untracked`](super::untracked));
//! new ones are refused at once.
//!
//! The way in from the internet gateway: `nat/dnat` finds the private address, then the receiver's groups are asked.
//! What has no public address has no rule in `nat` and is not let out. IPv6 is the same without translation: its
//! addresses are public ones, and an egress-only gateway lets in only what was begun inside.

use std::collections::HashMap;
use std::net::IpAddr;

use cumulet_model::SubnetId;
use cumulet_ports::network::{InterfaceSpec, VpcSpec};

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

/// A VPC's firewall, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Firewall {
    /// Rules for IPv4.
    pub v4: Ruleset,
    /// Rules for IPv6.
    pub v6: Ruleset,
    /// Sets that they name.
    pub sets: Sets,
}

impl Firewall {
    /// The rules of a family.
    pub fn rules(&self, family: Family) -> &Ruleset {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }

    fn parts(&mut self, family: Family) -> (&mut Ruleset, &mut Sets) {
        match family {
            Family::V4 => (&mut self.v4, &mut self.sets),
            Family::V6 => (&mut self.v6, &mut self.sets),
        }
    }
}

/// The rules and sets of a VPC.
pub fn render(vpc: &VpcSpec) -> Firewall {
    let mut firewall = Firewall::default();
    for family in Family::BOTH {
        let (asking, (rules, sets)) = (Asking::of(vpc, family), firewall.parts(family));
        *rules = frame(vpc, family, &asking);
        for tree in trees(vpc, family) {
            tree.put(rules);
        }
        asking.render(rules.table("filter"), sets);
    }
    public(vpc, |_| true, &mut firewall.sets);
    firewall
}

/// The parts of [`render`]'s results for an old and a new state of a VPC in which they can differ. All else is the same;
/// a set that both have may lack elements that both have.
pub fn render_apart(old: &VpcSpec, new: &VpcSpec) -> [Firewall; 2] {
    let mut parts = [Firewall::default(), Firewall::default()];
    let same_interfaces = old.interfaces == new.interfaces;
    let same = same_interfaces && same_frame(old, new);
    for family in Family::BOTH {
        let (was, is) = (Asking::of(old, family), Asking::of(new, family));
        let [old_part, new_part] = &mut parts;
        let ((old_rules, old_sets), (new_rules, new_sets)) = (old_part.parts(family), new_part.parts(family));
        if !same {
            (*old_rules, *new_rules) = (frame(old, family, &was), frame(new, family, &is));
            for (was, is) in trees(old, family).iter().zip(&trees(new, family)) {
                Tree::put_apart(was, is, (old_rules, new_rules));
            }
        }
        was.render_apart(&is, old_rules.table("filter"), old_sets);
        is.render_apart(&was, new_rules.table("filter"), new_sets);
    }
    if !same_interfaces {
        let by_id = |vpc: &'_ VpcSpec| -> HashMap<_, _> {
            vpc.interfaces.iter().map(|interface| (interface.id.clone(), interface.clone())).collect()
        };
        let (was, is) = (by_id(old), by_id(new));
        let [old_part, new_part] = &mut parts;
        public(old, |i| is.get(&i.id) != Some(i), &mut old_part.sets);
        public(new, |i| was.get(&i.id) != Some(i), &mut new_part.sets);
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
        flow_logs: vpc.flow_logs.clone(),
        subnets: vpc.subnets.clone(),
        ..VpcSpec::open(vpc.id.clone(), vpc.cidr)
    };
    frame(old) == frame(new)
}

/// All but the trees and the groups' chains.
fn frame(vpc: &VpcSpec, family: Family, asking: &Asking<'_>) -> Ruleset {
    let mut ruleset = Ruleset::default();
    own::render(vpc, family, ruleset.table("raw"));
    let filter = ruleset.table("filter");
    input::render(vpc, family, filter);
    filter.builtin("OUTPUT", "ACCEPT");
    forward::render(vpc, family, asking, filter);
    mangle(family, ruleset.table("mangle"));
    if family == Family::V4 {
        nat(vpc, ruleset.table("nat"));
        nat_gateway::clamp(vpc, ruleset.table("mangle"));
    }
    ruleset
}

fn public(vpc: &VpcSpec, is_looked_at: impl Fn(&InterfaceSpec) -> bool, sets: &mut Sets) {
    let interfaces = vpc.interfaces.iter().filter(|interface| is_looked_at(interface));
    let addresses = interfaces.flat_map(InterfaceSpec::ipv4);
    let public = addresses.filter_map(|(private, public)| public.map(|_| private.to_string()));
    sets.insert(PUBLIC_SET, SetKind::HashIp(Family::V4), public);
}

/// The rules that are found by an address.
fn trees<'a>(vpc: &'a VpcSpec, family: Family) -> Vec<Tree<'a>> {
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
    let private =
        || owned().filter(|leaf| leaf.translated.is_some()).map(|leaf| Leaf { table: None, ..leaf });
    let public = || {
        private().filter_map(|leaf| {
            Some(Leaf { address: leaf.translated?, translated: Some(leaf.address), ..leaf })
        })
    };
    let tree = |table, root, end, leaves, write: Box<dyn Fn(&Leaf<'a>) -> String + 'a>| Tree {
        table,
        root,
        end,
        family,
        leaves,
        write,
    };
    let text = |translated: Option<IpAddr>| translated.map_or_else(String::new, |ip| ip.to_string());
    let mut trees =
        vec![tree("raw", "src", End::Source, Tree::sorted(owned()), Box::new(|leaf| own_address(leaf)))];
    if family == Family::V6 {
        return trees;
    }
    trees.extend([
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
    ]);
    trees
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

/// TCP through the gateways to the outside begins with segments that the uplink carries, as some networks lose the
/// messages by which a sender would learn it.
fn mangle(family: Family, table: &mut Table) {
    let clamp = || Rule::jump("TCPMSS --clamp-mss-to-pmtu").protocol("tcp");
    let first = "-m tcp --tcp-flags SYN,RST SYN";
    let chain = table.builtin("FORWARD", "ACCEPT");
    for link in forward::outside(family).iter().copied() {
        chain.push(clamp().input(link).matching(first)).push(clamp().output(link).matching(first));
    }
}
