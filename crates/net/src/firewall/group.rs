//! A security group as two chains, one for each way, that all its interfaces share.
//!
//! A rule that matches a packet coming in accepts it; one that matches a packet going out marks it as allowed (chain
//! [`PASS`]), for it still has the receiver's groups before it. Rules with the same traffic share one set of CIDRs.

use std::collections::{BTreeMap, BTreeSet};

use cumulet_model::GroupId;
use cumulet_model::security::{Direction, Peer, PortRange, RuleSpec, Traffic};
use cumulet_ports::network::GroupSpec;
use ipnet::Ipv4Net;

use super::vpc::FORWARDED;
use super::{Rule, Table};
use crate::ipset::{SetKind, Sets};
use crate::names;

/// The chain that marks a packet as allowed to leave its sender.
pub const PASS: &str = "pass";

/// Puts a group's two chains into `table` and the CIDR sets that they use into `sets`.
pub fn render(group: &GroupSpec, table: &mut Table, sets: &mut Sets) {
    for (direction, rules) in [(Direction::Ingress, &group.ingress), (Direction::Egress, &group.egress)] {
        let name = names::group_chain(&group.id, way(direction));
        table.chain(&name);
        for (traffic, peers) in by_traffic(rules) {
            for peer in peers.render(&group.id, direction, traffic, sets) {
                let rule = with_traffic(peer.verdict(direction), traffic);
                table.chain(&name).push(peer.apply(rule, direction));
            }
        }
    }
}

/// The groups that a group's rules refer to.
pub fn referenced(group: &GroupSpec) -> impl Iterator<Item = &GroupId> {
    let rules = group.ingress.iter().chain(&group.egress).filter(|rule| is_on_the_wire(rule.traffic));
    rules.filter_map(|rule| match &rule.peer {
        Peer::Group(group) => Some(group),
        Peer::Cidr(_) | Peer::Cidr6(_) | Peer::PrefixList(_) => None,
    })
}

/// The word for a direction in names of chains and sets.
pub fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "in",
        Direction::Egress => "out",
    }
}

#[derive(Default)]
struct Peers {
    cidrs: BTreeSet<Ipv4Net>,
    groups: BTreeSet<GroupId>,
}

fn by_traffic(rules: &[RuleSpec]) -> BTreeMap<Traffic, Peers> {
    let mut sorted: BTreeMap<Traffic, Peers> = BTreeMap::new();
    for rule in rules.iter().filter(|rule| is_on_the_wire(rule.traffic)) {
        let peers = sorted.entry(rule.traffic).or_default();
        match &rule.peer {
            Peer::Cidr(cidr) => {
                peers.cidrs.insert(cidr.trunc());
            }
            Peer::Group(group) => {
                peers.groups.insert(group.clone());
            }
            Peer::Cidr6(_) | Peer::PrefixList(_) => {}
        }
    }
    sorted
}

/// The other end of one rendered rule.
enum RenderedPeer {
    Anyone,
    Set(String),
    /// A group's members, who are known by their own addresses.
    Members(String),
}

impl Peers {
    fn render(
        &self,
        group: &GroupId,
        direction: Direction,
        traffic: Traffic,
        sets: &mut Sets,
    ) -> Vec<RenderedPeer> {
        let mut rendered = Vec::new();
        if self.cidrs.iter().any(|cidr| cidr.prefix_len() == 0) {
            rendered.push(RenderedPeer::Anyone);
        } else if !self.cidrs.is_empty() {
            let name = cidr_set(group, direction, traffic);
            sets.insert(&name, SetKind::HashNet, self.cidrs.iter().map(|cidr| set_element(*cidr)));
            rendered.push(RenderedPeer::Set(name));
        }
        rendered.extend(self.groups.iter().map(|group| RenderedPeer::Members(names::member_set(group))));
        rendered
    }
}

impl RenderedPeer {
    fn verdict(&self, direction: Direction) -> Rule {
        match direction {
            Direction::Ingress => Rule::jump("ACCEPT"),
            Direction::Egress => Rule::go(PASS),
        }
    }

    fn apply(&self, rule: Rule, direction: Direction) -> Rule {
        match (self, direction) {
            (Self::Anyone, _) => rule,
            (Self::Members(set), Direction::Ingress) => {
                rule.matching(format!("-m mark ! --mark {FORWARDED}")).in_set(set, "src")
            }
            (Self::Set(set), Direction::Ingress) => rule.in_set(set, "src"),
            (Self::Set(set) | Self::Members(set), Direction::Egress) => rule.in_set(set, "dst"),
        }
    }
}

/// `ipset save` prints a single address without its /32.
fn set_element(cidr: Ipv4Net) -> String {
    if cidr.prefix_len() == 32 { cidr.addr().to_string() } else { cidr.to_string() }
}

/// Name of the set of CIDRs that a group allows some traffic from or to: at most 31 bytes, so the group is named by its
/// last 8 digits, and the whole is told apart by a hash.
fn cidr_set(group: &GroupId, direction: Direction, traffic: Traffic) -> String {
    let digits = group.digits();
    let key = format!("{digits} {} {traffic:?}", way(direction));
    format!("c-{}-{:016x}", &digits[digits.len() - 8..], names::fnv1a(key.as_bytes()))
}

/// Whether there can be such traffic. What there can't be, iptables would read as "any": ICMP type 255, and protocol 0
/// (IPv6's hop-by-hop header).
pub(super) fn is_on_the_wire(traffic: Traffic) -> bool {
    !matches!(
        traffic,
        Traffic::Icmp { icmp_type: Some(255), .. } | Traffic::Icmpv6 { .. } | Traffic::Protocol(0)
    )
}

/// Narrows a rule to some traffic.
pub(super) fn with_traffic(rule: Rule, traffic: Traffic) -> Rule {
    match traffic {
        Traffic::All => rule,
        Traffic::Tcp(range) => with_ports(rule, "tcp", range),
        Traffic::Udp(range) => with_ports(rule, "udp", range),
        Traffic::Icmp { icmp_type: None, .. } | Traffic::Protocol(1) => rule.protocol("icmp"),
        Traffic::Icmp { icmp_type: Some(icmp_type), code: None } => {
            rule.protocol("icmp").matching(format!("-m icmp --icmp-type {icmp_type}"))
        }
        Traffic::Icmp { icmp_type: Some(icmp_type), code: Some(code) } => {
            rule.protocol("icmp").matching(format!("-m icmp --icmp-type {icmp_type}/{code}"))
        }
        Traffic::Icmpv6 { .. } => rule.protocol("58"),
        Traffic::Protocol(6) => rule.protocol("tcp"),
        Traffic::Protocol(17) => rule.protocol("udp"),
        Traffic::Protocol(number) => rule.protocol(number.to_string()),
    }
}

fn with_ports(rule: Rule, protocol: &str, range: PortRange) -> Rule {
    let rule = rule.protocol(protocol);
    match (range.first, range.last) {
        (0, u16::MAX) => rule,
        (first, last) if first == last => rule.matching(format!("-m {protocol} --dport {first}")),
        (first, last) => rule.matching(format!("-m {protocol} --dport {first}:{last}")),
    }
}
