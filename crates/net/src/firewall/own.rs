//! Table `raw`: nobody uses an address that is not its own, unless it is let off the check; and each packet of a guest is
//! marked with its subnet's route table, by which it will be routed.

use std::net::Ipv4Addr;

use cumulet_ports::network::{InterfaceSpec, VpcSpec};

use super::vpc::{FORWARDED, any_tap};
use super::{Rule, Table};
use crate::names;
use crate::plan::{self, TableNumber};

/// Puts the table's chains into `table`, but for the tree `src`. Frames to the router's DHCP server come before there is
/// an address; it knows its clients by their taps.
pub fn render(vpc: &VpcSpec, table: &mut Table) {
    let chain = table.builtin("PREROUTING", "ACCEPT");
    chain.push(
        Rule::jump("ACCEPT")
            .from(Ipv4Addr::UNSPECIFIED)
            .to(Ipv4Addr::BROADCAST)
            .input(any_tap())
            .protocol("udp")
            .matching("-m udp --sport 68 --dport 67"),
    );
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
