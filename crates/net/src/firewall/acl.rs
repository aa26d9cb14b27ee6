//! Network ACLs: chains that each packet meets when it crosses the border of a subnet, before connection tracking has a
//! say. An entry that allows returns, so that groups are asked next; all else is refused.
//!
//! A packet enters the subnet of the interface that it is given to, which is not its destination's if it shall be
//! forwarded; and one that was forwarded leaves the subnet of who forwards it.

use cumulet_model::security::Direction;
use cumulet_ports::network::{AclEntry, AclSpec, SubnetSpec, VpcSpec};
use ipnet::IpNet;

use super::forward::{NO_ACL_IN, NO_ACL_OUT};
use super::group::{is_on_the_wire, way, with_traffic};
use super::own::unchecked;
use super::vpc::{FOR_STRANGERS, FORWARDED};
use super::{Rule, Table, nat_gateway};
use crate::family::Family;
use crate::names;

/// Chain that finds the ACLs of a packet.
const BORDERS: &str = "acl";

/// Puts the chains of all ACLs into `table`; gives the rule that leads to them, if there are any.
pub fn render(vpc: &VpcSpec, family: Family, table: &mut Table) -> Option<Rule> {
    let guarded = || {
        vpc.subnets.iter().filter_map(|subnet| Some((subnet, family.block(subnet)?, subnet.acl.as_ref()?)))
    };
    guarded().next()?;
    table.chain(BORDERS);
    for (subnet, block, acl) in guarded() {
        let out = names::acl_chain(&subnet.id, way(Direction::Egress));
        table.chain(BORDERS).push(Rule::jump(&out).from(block).not_marked(FORWARDED));
        for tap in forwarders(vpc, subnet) {
            table.chain(BORDERS).push(Rule::jump(&out).input(tap).marked(FORWARDED));
        }
        border(vpc, family, (subnet, block, acl), table);
    }
    for (subnet, block, _) in guarded() {
        let into = names::acl_chain(&subnet.id, way(Direction::Ingress));
        table.chain(BORDERS).push(Rule::jump(&into).to(block).not_marked(FOR_STRANGERS));
        for tap in forwarders(vpc, subnet) {
            table.chain(BORDERS).push(Rule::jump(&into).output(tap).marked(FOR_STRANGERS));
        }
    }
    if family == Family::V4 {
        nat_gateway::borders(vpc, table.chain(BORDERS));
    }
    Some(Rule::jump(BORDERS))
}

/// The taps of a subnet by which packets come that others sent, and go that others get.
fn forwarders(vpc: &VpcSpec, subnet: &SubnetSpec) -> Vec<String> {
    let inside = unchecked(vpc).filter(|interface| interface.subnet_id == subnet.id);
    inside.map(|interface| names::tap(&interface.id)).collect()
}

fn border(
    vpc: &VpcSpec,
    family: Family,
    (subnet, block, acl): (&SubnetSpec, IpNet, &AclSpec),
    table: &mut Table,
) {
    let taps = forwarders(vpc, subnet);
    let out = table.chain(&names::acl_chain(&subnet.id, way(Direction::Egress)));
    out.push(Rule::jump("RETURN").to(block).not_marked(FOR_STRANGERS));
    for tap in &taps {
        out.push(Rule::jump("RETURN").output(tap).marked(FOR_STRANGERS));
    }
    for (entry, cidr) in in_order(&acl.egress, family) {
        out.push(with_traffic(verdict(entry, NO_ACL_OUT).to(cidr), entry.traffic));
    }
    out.push(Rule::jump(NO_ACL_OUT));
    let into = table.chain(&names::acl_chain(&subnet.id, way(Direction::Ingress)));
    into.push(Rule::jump("RETURN").from(block).not_marked(FORWARDED));
    for tap in &taps {
        into.push(Rule::jump("RETURN").input(tap).marked(FORWARDED));
    }
    for (entry, cidr) in in_order(&acl.ingress, family) {
        into.push(with_traffic(verdict(entry, NO_ACL_IN).from(cidr), entry.traffic));
    }
    into.push(Rule::jump(NO_ACL_IN));
}

fn in_order(entries: &[AclEntry], family: Family) -> Vec<(&AclEntry, IpNet)> {
    let ours = |entry: &&AclEntry| Family::of(&entry.cidr) == family && is_on_the_wire(entry.traffic, family);
    let mut sorted: Vec<_> = entries.iter().filter(ours).map(|entry| (entry, entry.cidr)).collect();
    sorted.sort_by_key(|(entry, _)| entry.number);
    sorted
}

fn verdict(entry: &AclEntry, refused: &str) -> Rule {
    Rule::jump(if entry.allow { "RETURN" } else { refused })
}
