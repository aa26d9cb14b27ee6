//! What reaches the router itself: DHCP, DNS, metadata and ping, and nothing else.

use cumulet_model::address;
use cumulet_ports::network::VpcSpec;

use super::vpc::FORWARDED;
use super::{Rule, Table, nat_gateway};
use crate::names::{DNS_LINK_LOCAL, IGW, METADATA};

/// Puts the chain `INPUT` into `table`.
pub fn render(vpc: &VpcSpec, table: &mut Table) {
    let chain = table.builtin("INPUT", "DROP");
    chain.push(Rule::jump("ACCEPT").input("lo"));
    chain.push(Rule::jump("DROP").input(IGW));
    nat_gateway::input(vpc, chain);
    chain.push(Rule::jump("DROP").marked(FORWARDED));
    chain.push(Rule::jump("ACCEPT").protocol("udp").matching("-m udp --sport 68 --dport 67"));
    for server in [address::dns(vpc.cidr), DNS_LINK_LOCAL] {
        for protocol in ["udp", "tcp"] {
            chain.push(Rule::jump("ACCEPT").to(server).port(protocol, 53));
        }
    }
    chain.push(Rule::jump("ACCEPT").to(METADATA).port("tcp", 80));
    chain.push(Rule::jump("ACCEPT").protocol("icmp").matching("-m icmp --icmp-type 8"));
}
