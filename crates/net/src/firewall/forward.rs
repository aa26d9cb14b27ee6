//! The way of a packet through a VPC: its subnets' borders, the connection that it belongs to, its sender's groups, the
//! way out or its receiver's groups. What groups and ACLs refuse goes through a chain that is named by who refused it.

use std::collections::BTreeSet;

use cumulet_model::InterfaceId;
use cumulet_model::security::Direction;
use cumulet_ports::network::{InterfaceSpec, RouteTarget, VpcSpec};

use super::asking::Asking;
use super::group::PASS;
use super::own::unchecked;
use super::vpc::{ALLOWED, FOR_STRANGERS, FORWARDED, PUBLIC_SET, any_tap};
use super::{Rule, Table, acl, nat_gateway};
use crate::family::Family;
use crate::flow_logs;
use crate::names::{self, EGRESS_ONLY, IGW};

/// Where packets end that the sender's groups refuse.
pub const NO_OUT: &str = "no-out";
/// Where packets end that the receiver's groups refuse.
pub const NO_IN: &str = "no-in";
/// Where packets end that the ACL of a subnet that they leave refuses.
pub const NO_ACL_OUT: &str = "no-acl-out";
/// Where packets end that the ACL of a subnet that they enter refuses.
pub const NO_ACL_IN: &str = "no-acl-in";

/// Puts the chain `FORWARD` and what it leads to into `table`, but for the trees and the groups' chains.
pub fn render(vpc: &VpcSpec, family: Family, asking: &Asking<'_>, table: &mut Table) {
    let is_logged = vpc.flow_logs.iter().any(|log| log.traffic.refused());
    for stage in [NO_OUT, NO_IN, NO_ACL_OUT, NO_ACL_IN] {
        if is_logged {
            table.chain(stage).rules.extend(flow_logs::stage::rules(stage));
        }
        table.chain(stage).push(Rule::jump("DROP"));
    }
    let strangers = strangers(vpc, family, table);
    let borders = acl::render(vpc, family, table);
    let receivers = receivers(vpc, asking, table);
    let chain = table.builtin("FORWARD", "DROP");
    chain.push(Rule::jump("DROP").state("INVALID"));
    for link in closed(vpc, family) {
        chain.push(Rule::jump("DROP").input(link)).push(Rule::jump("DROP").output(link));
    }
    if family == Family::V6 {
        // Nobody outside is answered by the gateway that only lets out.
        chain.push(Rule::jump("DROP").output(EGRESS_ONLY).matching("-m conntrack --ctdir REPLY"));
    }
    for rule in strangers.into_iter().chain(borders) {
        chain.push(rule);
    }
    chain.push(Rule::jump("ACCEPT").state("RELATED,ESTABLISHED"));
    chain.push(Rule::jump("egress").input(any_tap()).not_marked(FORWARDED));
    chain.push(Rule::jump("forwarders").marked(FORWARDED));
    chain.push(Rule::jump(NO_OUT).input(any_tap()).not_marked(ALLOWED));
    for bounded in bounds(family) {
        chain.push(bounded);
    }
    if family == Family::V4 {
        nat_gateway::forward(vpc, chain);
    }
    for link in outside(family).iter().copied() {
        let own_source = Rule::jump("ACCEPT").input(any_tap()).output(link).not_marked(FORWARDED);
        chain.push(match family {
            Family::V4 => own_source.in_set(PUBLIC_SET, "src"),
            Family::V6 => own_source,
        });
        chain.push(Rule::jump("DROP").output(link));
    }
    if family == Family::V6 {
        chain.push(Rule::jump("DROP").input(EGRESS_ONLY));
    }
    if let Some(receivers) = receivers {
        chain.push(receivers);
    }
    chain.push(Rule::jump("ingress").not_marked(FOR_STRANGERS)).push(Rule::jump(NO_IN));
    table.chain(PASS).push(Rule::jump(format!("MARK --set-xmark {ALLOWED}")));

    // The packet that a guest forwards is found by its tap, as its source is not the guest's.
    table.chain("forwarders");
    for interface in unchecked(vpc) {
        for asks in asking.chains(interface, Direction::Egress) {
            table.chain("forwarders").push(Rule::jump(asks).input(names::tap(&interface.id)));
        }
    }
}

/// How many connections at a time an address of a guest begins, and how many from the internet lead to one. The table of
/// connections is the whole machine's: who has so many has no share in what the others have.
pub const MOST_CONNECTIONS: u32 = 16_384;

/// Drops what begins one connection too many.
fn bounds(family: Family) -> Vec<Rule> {
    let (bits, links) = (family.bits(), outside(family).iter().copied());
    let above = |end| {
        format!("-m connlimit --connlimit-above {MOST_CONNECTIONS} --connlimit-mask {bits} --connlimit-{end}")
    };
    let to_guests = links.map(|link| Rule::jump("DROP").input(link).matching(above("daddr")));
    [Rule::jump("DROP").input(any_tap()).matching(above("saddr"))].into_iter().chain(to_guests).collect()
}

/// The links that lead to the internet.
pub fn outside(family: Family) -> &'static [&'static str] {
    match family {
        Family::V4 => &[IGW],
        Family::V6 => &[IGW, EGRESS_ONLY],
    }
}

/// Those of gateways that the VPC does not have.
fn closed(vpc: &VpcSpec, family: Family) -> impl Iterator<Item = &'static str> {
    let is_open = |link: &str| if link == IGW { vpc.internet_gateway } else { vpc.egress_only_gateway };
    outside(family).iter().copied().filter(move |link| !is_open(link))
}

/// Interfaces that routes lead to, so that they can be sent what is for others.
fn led_to(vpc: &VpcSpec) -> impl Iterator<Item = &InterfaceSpec> {
    let routes = vpc.route_tables.iter().flat_map(|table| &table.routes);
    let ids: BTreeSet<&InterfaceId> = routes
        .filter_map(|route| match &route.target {
            RouteTarget::Interface(id) => Some(id),
            _ => None,
        })
        .collect();
    vpc.interfaces.iter().filter(move |interface| ids.contains(&interface.id))
}

/// Packets for others leave by a tap only if its interface is not held to its own addresses (VPC guide, "NAT
/// instances"); those that do are marked. Gives the rule that leads there, if routes lead to interfaces.
fn strangers(vpc: &VpcSpec, family: Family, table: &mut Table) -> Option<Rule> {
    led_to(vpc).next()?;
    table.chain("strangers");
    for interface in led_to(vpc) {
        let tap = names::tap(&interface.id);
        let own = format!("to-{tap}");
        table.chain("strangers").push(Rule::jump(&own).output(&tap));
        for (address, _) in family.addresses(interface) {
            table.chain(&own).push(Rule::jump("RETURN").to(address));
        }
        table.chain(&own).push(match interface.source_dest_check {
            true => Rule::jump("DROP"),
            false => Rule::jump(format!("MARK --set-xmark {FOR_STRANGERS}")),
        });
    }
    Some(Rule::jump("strangers"))
}

/// The groups of an interface that forwards are asked for what it is sent for others too, who are found by its tap.
/// Gives the rule that leads there, if there is such an interface.
fn receivers(vpc: &VpcSpec, asking: &Asking<'_>, table: &mut Table) -> Option<Rule> {
    let forwarders = || led_to(vpc).filter(|interface| !interface.source_dest_check);
    forwarders().next()?;
    table.chain("receivers");
    for interface in forwarders() {
        for asks in asking.chains(interface, Direction::Ingress) {
            table.chain("receivers").push(Rule::jump(asks).output(names::tap(&interface.id)));
        }
    }
    Some(Rule::jump("receivers").marked(FOR_STRANGERS))
}
