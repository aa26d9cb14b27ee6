//! Table `raw`: nobody uses an address that is not its own, unless it is let off the check; and each packet of a guest is
//! marked with its subnet's route table, by which it will be routed.

use std::net::{Ipv4Addr, Ipv6Addr};

use cumulet_ports::network::{InterfaceSpec, VpcSpec};
use ipnet::Ipv6Net;

use super::forward::outside;
use super::input::with_icmp_type;

use super::vpc::{FORWARDED, any_tap};
use super::{Rule, Table};
use crate::family::Family;
use crate::names;
use crate::plan::{self, TableNumber};

/// Addresses that hold on one link alone, and the groups of its nodes.
const LINK_LOCAL: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 64);
const LINK_MULTICAST: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0), 16);

/// Puts the table's chains into `table`, but for the tree `src`.
pub fn render(vpc: &VpcSpec, family: Family, table: &mut Table) {
    let chain = table.builtin("PREROUTING", "ACCEPT");
    match family {
        // To the router's DHCP server, which knows its clients by their taps, before there is an address.
        Family::V4 => {
            _ = chain.push(
                Rule::jump("ACCEPT")
                    .from(Ipv4Addr::UNSPECIFIED)
                    .to(Ipv4Addr::BROADCAST)
                    .input(any_tap())
                    .protocol("udp")
                    .matching("-m udp --sport 68 --dport 67"),
            )
        }
        // To the router, before there is an address and by those that the link alone has: neighbour discovery, DHCP.
        Family::V6 => {
            let solicits = |kind| with_icmp_type(Rule::jump("ACCEPT").input(any_tap()), kind);
            chain
                .push(solicits(133).from(Ipv6Addr::UNSPECIFIED))
                .push(solicits(135).from(Ipv6Addr::UNSPECIFIED));
            for to in [LINK_LOCAL, LINK_MULTICAST] {
                chain.push(Rule::jump("ACCEPT").from(LINK_LOCAL).to(to).input(any_tap()));
            }
            // Nobody outside has an address of the VPC's. For IPv4 the reverse path says so.
            for link in outside(Family::V6) {
                for range in &vpc.ipv6_cidrs {
                    chain.push(Rule::jump("DROP").from(range.trunc()).input(*link));
                }
            }
        }
    }
    chain.push(Rule::jump("src").input(any_tap()));
    let tables = plan::tables(vpc);
    for interface in unchecked(vpc) {
        let number = tables.number_of(&interface.subnet_id);
        chain.push(Rule::go(forwarding(number)).input(names::tap(&interface.id)).mac(interface.mac));
    }
    chain.push(Rule::jump("DROP").input(any_tap()));
    for number in tables.iter().map(|(number, _)| Some(number)).chain([None]) {
        marking(number, table);
    }
}

/// Interfaces that may send for others.
pub fn unchecked(vpc: &VpcSpec) -> impl Iterator<Item = &InterfaceSpec> {
    vpc.interfaces.iter().filter(|interface| !interface.source_dest_check)
}

fn forwarding(number: Option<TableNumber>) -> String {
    number.map_or("forwarded".to_owned(), |number| number.chain().replace("rt-", "forwarded-"))
}

/// The chains that mark packets which take a table's routes: a sender's own ones, and those that it forwards.
fn marking(number: Option<TableNumber>, table: &mut Table) {
    let forwarded = table.chain(&forwarding(number));
    forwarded.push(Rule::jump(format!("MARK --set-xmark {FORWARDED}")));
    match number {
        None => _ = forwarded.push(Rule::jump("ACCEPT")),
        Some(number) => {
            forwarded.push(Rule::go(number.chain()));
            let own = table.chain(&number.chain());
            own.push(Rule::jump(number.marking())).push(Rule::jump("ACCEPT"));
        }
    }
}
