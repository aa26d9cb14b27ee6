//! A security group as two chains, one for each way, that all its interfaces share.
//!
//! A rule that matches a packet coming in accepts it; one that matches a packet going out marks it as allowed (chain
//! [`PASS`]), for it still has the receiver's groups before it. Rules with the same traffic share one set of CIDRs; a
//! prefix list is one set for all rules that name it, and so are a group's members.

use std::collections::{BTreeMap, BTreeSet};

use cumulet_model::security::{Direction, Peer, PortRange, RuleSpec, Traffic};
use cumulet_model::{GroupId, PrefixListId};
use cumulet_ports::network::GroupSpec;
use ipnet::IpNet;

use super::vpc::FORWARDED;
use super::{Rule, Table};
use crate::family::Family;
use crate::ipset::{SetKind, Sets, elements};
use crate::names;

/// The chain that marks a packet as allowed to leave its sender.
pub const PASS: &str = "pass";

/// Puts a group's two chains into `table` and the CIDR sets that they use into `sets`.
pub fn render(group: &GroupSpec, family: Family, table: &mut Table, sets: &mut Sets) {
    for (direction, rules) in [(Direction::Ingress, &group.ingress), (Direction::Egress, &group.egress)] {
        let name = names::group_chain(&group.id, way(direction));
        table.chain(&name);
        for (traffic, peers) in by_traffic(rules, family) {
            for peer in peers.render((&group.id, direction, traffic, family), sets) {
                let rule = with_traffic(peer.verdict(direction), traffic);
                table.chain(&name).push(peer.apply(rule, direction));
            }
        }
    }
}

/// The groups that a group's rules of a family refer to.
pub fn referenced(group: &GroupSpec, family: Family) -> impl Iterator<Item = &GroupId> {
    peers(group, family).filter_map(|peer| match peer {
        Peer::Group(group) => Some(group),
        _ => None,
    })
}

/// The prefix lists that a group's rules of a family refer to.
pub fn lists(group: &GroupSpec, family: Family) -> impl Iterator<Item = &PrefixListId> {
    peers(group, family).filter_map(|peer| match peer {
        Peer::PrefixList(list) => Some(list),
        _ => None,
    })
}

fn peers(group: &GroupSpec, family: Family) -> impl Iterator<Item = &Peer> {
    let rules = group.ingress.iter().chain(&group.egress);
    rules.filter(move |rule| is_on_the_wire(rule.traffic, family)).map(|rule| &rule.peer)
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
    cidrs: BTreeSet<IpNet>,
    lists: BTreeSet<PrefixListId>,
    groups: BTreeSet<GroupId>,
}

fn by_traffic(rules: &[RuleSpec], family: Family) -> BTreeMap<Traffic, Peers> {
    let mut sorted: BTreeMap<Traffic, Peers> = BTreeMap::new();
    for rule in rules.iter().filter(|rule| is_on_the_wire(rule.traffic, family)) {
        let cidr = match &rule.peer {
            Peer::Cidr(cidr) => Some(IpNet::from(cidr.trunc())),
            Peer::Cidr6(cidr) => Some(IpNet::from(cidr.trunc())),
            Peer::PrefixList(list) => {
                sorted.entry(rule.traffic).or_default().lists.insert(list.clone());
                None
            }
            Peer::Group(group) => {
                sorted.entry(rule.traffic).or_default().groups.insert(group.clone());
                None
            }
        };
        if let Some(cidr) = cidr.filter(|cidr| Family::of(cidr) == family) {
            sorted.entry(rule.traffic).or_default().cidrs.insert(cidr);
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

/// Whose rules they are and what they are about.
type About<'a> = (&'a GroupId, Direction, Traffic, Family);

impl Peers {
    fn render(&self, about: About<'_>, sets: &mut Sets) -> Vec<RenderedPeer> {
        let (mut rendered, family) = (Vec::new(), about.3);
        if self.cidrs.iter().any(|cidr| cidr.prefix_len() == 0) {
            rendered.push(RenderedPeer::Anyone);
        } else if !self.cidrs.is_empty() {
            let name = cidr_set(about);
            sets.insert(&name, SetKind::HashNet(family), self.cidrs.iter().flat_map(|cidr| elements(*cidr)));
            rendered.push(RenderedPeer::Set(name));
        }
        let lists = self.lists.iter().map(|list| RenderedPeer::Set(names::list_set(list, family)));
        rendered.extend(lists);
        let groups = self.groups.iter().map(|group| RenderedPeer::Members(names::member_set(group, family)));
        rendered.extend(groups);
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

/// Name of the set of CIDRs that a group allows some traffic from or to: at most 31 bytes, so the group is named by its
/// last 8 digits, and the whole is told apart by a hash.
fn cidr_set((group, direction, traffic, family): About<'_>) -> String {
    let digits = group.digits();
    let key = format!("{digits} {} {traffic:?}", way(direction));
    let begin = if family == Family::V4 { "c" } else { "c6" };
    format!("{begin}-{}-{:016x}", &digits[digits.len() - 8..], names::fnv1a(key.as_bytes()))
}

/// Whether there can be such traffic in a family. What there can't be, iptables would read as "any": ICMP type 255, and
/// protocol 0 (IPv6's hop-by-hop header).
pub(super) fn is_on_the_wire(traffic: Traffic, family: Family) -> bool {
    match traffic {
        Traffic::Icmp { icmp_type, .. } => family == Family::V4 && icmp_type != Some(255),
        Traffic::Icmpv6 { .. } => family == Family::V6,
        Traffic::Protocol(0) => false,
        _ => true,
    }
}

/// Narrows a rule to some traffic.
pub(super) fn with_traffic(rule: Rule, traffic: Traffic) -> Rule {
    match traffic {
        Traffic::All => rule,
        Traffic::Tcp(range) => with_ports(rule, "tcp", range),
        Traffic::Udp(range) => with_ports(rule, "udp", range),
        Traffic::Icmp { icmp_type, code } => with_icmp(rule, ("icmp", "icmp"), icmp_type, code),
        Traffic::Icmpv6 { icmp_type, code } => with_icmp(rule, ("58", "icmp6"), icmp_type, code),
        Traffic::Protocol(1) => rule.protocol("icmp"),
        Traffic::Protocol(6) => rule.protocol("tcp"),
        Traffic::Protocol(17) => rule.protocol("udp"),
        Traffic::Protocol(number) => rule.protocol(number.to_string()),
    }
}

fn with_icmp(rule: Rule, (protocol, name): (&str, &str), icmp_type: Option<u8>, code: Option<u8>) -> Rule {
    let rule = rule.protocol(protocol);
    let option = if name == "icmp" { "--icmp-type" } else { "--icmpv6-type" };
    match (icmp_type, code) {
        (None, _) => rule,
        (Some(icmp_type), None) => rule.matching(format!("-m {name} {option} {icmp_type}")),
        (Some(icmp_type), Some(code)) => rule.matching(format!("-m {name} {option} {icmp_type}/{code}")),
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
