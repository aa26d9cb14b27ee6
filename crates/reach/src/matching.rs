//! What security groups and network ACLs say to a packet.

use std::net::IpAddr;

use cumulet_model::security::{Direction, Peer, RuleSpec};
use cumulet_ports::network::{AclEntry, InterfaceSpec, SubnetSpec};
use ipnet::IpNet;

use crate::topology::Vpc;
use crate::{GroupHit, Packet};

/// The first rule of an interface's groups that allows a packet. Whoever forwards for others is no group's member by the
/// source address that it carries (`forwarded`).
pub fn allowed_by(
    vpc: &Vpc<'_>,
    interface: &InterfaceSpec,
    direction: Direction,
    packet: &Packet,
    forwarded: bool,
) -> Option<GroupHit> {
    let other = match direction {
        Direction::Ingress => packet.source,
        Direction::Egress => packet.destination,
    };
    let known = !(forwarded && direction == Direction::Ingress);
    for id in &interface.groups {
        let Some(group) = vpc.group(id) else { continue };
        let rules = match direction {
            Direction::Ingress => &group.ingress,
            Direction::Egress => &group.egress,
        };
        let allows = |rule: &&RuleSpec| {
            packet.protocol.is_meant_by(rule.traffic) && is_peer(vpc, &rule.peer, other, known)
        };
        if let Some(rule) = rules.iter().find(allows) {
            return Some(GroupHit { group: id.clone(), direction, rule: rule.clone() });
        }
    }
    None
}

fn is_peer(vpc: &Vpc<'_>, peer: &Peer, address: IpAddr, known: bool) -> bool {
    match peer {
        Peer::Cidr(cidr) => IpNet::V4(*cidr).contains(&address),
        Peer::Cidr6(cidr) => IpNet::V6(*cidr).contains(&address),
        Peer::PrefixList(id) => {
            let lists = vpc.spec.prefix_lists.iter().filter(|list| list.id == *id);
            lists.flat_map(|list| &list.prefixes).any(|prefix| prefix.contains(&address))
        }
        Peer::Group(group) => known && vpc.owner(address).is_some_and(|owner| owner.groups.contains(group)),
    }
}

/// What a subnet's ACL says to a packet that crosses its border: whether it may, and the entry that decided, which is
/// `None` for the last one, without a number. A subnet without an ACL lets all pass.
pub fn acl_says(subnet: &SubnetSpec, direction: Direction, packet: &Packet) -> (bool, Option<AclEntry>) {
    let Some(acl) = &subnet.acl else { return (true, None) };
    let (entries, other) = match direction {
        Direction::Ingress => (&acl.ingress, packet.source),
        Direction::Egress => (&acl.egress, packet.destination),
    };
    let meant = |entry: &&AclEntry| entry.cidr.contains(&other) && packet.protocol.is_meant_by(entry.traffic);
    let first = entries.iter().filter(meant).min_by_key(|entry| entry.number);
    (first.is_some_and(|entry| entry.allow), first.cloned())
}
