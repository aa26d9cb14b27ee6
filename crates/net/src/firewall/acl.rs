//! Network ACLs: chains that each packet meets when it crosses the border of a subnet, before connection tracking has a
//! say. An entry that allows returns, so that groups are asked next; all else is dropped.

use cumulet_model::security::Direction;
use cumulet_ports::network::{AclEntry, AclSpec, SubnetSpec, VpcSpec};
use ipnet::{IpNet, Ipv4Net};

use super::group::{is_on_the_wire, way, with_traffic};
use super::vpc::FORWARDED;
use super::{Rule, Table};
use crate::names;

/// Chain that finds the ACLs of a packet.
const BORDERS: &str = "acl";

/// Puts the chains of all ACLs into `table`; gives the rule that leads to them, if there are any.
pub fn render(vpc: &VpcSpec, table: &mut Table) -> Option<Rule> {
    let guarded = || vpc.subnets.iter().filter_map(|subnet| Some((subnet, subnet.acl.as_ref()?)));
    guarded().next()?;
    table.chain(BORDERS);
    for (subnet, acl) in guarded() {
        let out = names::acl_chain(&subnet.id, way(Direction::Egress));
        let own_source = Rule::jump(&out).from(subnet.cidr).matching(format!("-m mark ! --mark {FORWARDED}"));
        table.chain(BORDERS).push(own_source);
        // What a guest forwards leaves the guest's subnet, wherever it says that it comes from.
        let forwarders = vpc.interfaces.iter().filter(|i| !i.source_dest_check && i.subnet_id == subnet.id);
        for forwarder in forwarders {
            let forwarded = Rule::jump(&out).input(names::tap(&forwarder.id));
            table.chain(BORDERS).push(forwarded.matching(format!("-m mark --mark {FORWARDED}")));
        }
        border(subnet, acl, table);
    }
    for (subnet, _) in guarded() {
        let into = names::acl_chain(&subnet.id, way(Direction::Ingress));
        table.chain(BORDERS).push(Rule::jump(into).to(subnet.cidr));
    }
    Some(Rule::jump(BORDERS))
}

fn border(subnet: &SubnetSpec, acl: &AclSpec, table: &mut Table) {
    let out = table.chain(&names::acl_chain(&subnet.id, way(Direction::Egress)));
    out.push(Rule::jump("RETURN").to(subnet.cidr));
    for (entry, cidr) in in_order(&acl.egress) {
        out.push(with_traffic(verdict(entry).to(cidr), entry.traffic));
    }
    out.push(Rule::jump("DROP"));
    let into = table.chain(&names::acl_chain(&subnet.id, way(Direction::Ingress)));
    let from_inside = Rule::jump("RETURN").from(subnet.cidr);
    into.push(from_inside.matching(format!("-m mark ! --mark {FORWARDED}")));
    for (entry, cidr) in in_order(&acl.ingress) {
        into.push(with_traffic(verdict(entry).from(cidr), entry.traffic));
    }
    into.push(Rule::jump("DROP"));
}

fn in_order(entries: &[AclEntry]) -> Vec<(&AclEntry, Ipv4Net)> {
    let of_ipv4 = |entry| match entry {
        &AclEntry { cidr: IpNet::V4(cidr), .. } => Some((entry, cidr)),
        _ => None,
    };
    let mut sorted: Vec<_> =
        entries.iter().filter(|e| is_on_the_wire(e.traffic)).filter_map(of_ipv4).collect();
    sorted.sort_by_key(|(entry, _)| entry.number);
    sorted
}

fn verdict(entry: &AclEntry) -> Rule {
    Rule::jump(if entry.allow { "RETURN" } else { "DROP" })
}
