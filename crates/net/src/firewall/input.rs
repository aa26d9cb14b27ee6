//! What reaches the router itself: DHCP, DNS, metadata and ping, for IPv6 also what finds neighbours and routers, and
//! nothing else.

use cumulet_model::address;
use cumulet_ports::network::VpcSpec;

use super::vpc::FORWARDED;
use super::{Rule, Table, nat_gateway};
use crate::family::Family;
use crate::names::{DNS_LINK_LOCAL, DNS_LINK_LOCAL_V6, EGRESS_ONLY, IGW, METADATA, METADATA_V6};

/// Solicitations of routers, solicitations and advertisements of neighbours (RFC 4861). A packet that passed a router is
/// none of them.
const DISCOVERY: [u8; 3] = [133, 135, 136];

/// Puts the chain `INPUT` into `table`.
pub fn render(vpc: &VpcSpec, family: Family, table: &mut Table) {
    let chain = table.builtin("INPUT", "DROP");
    chain.push(Rule::jump("ACCEPT").input("lo"));
    if family == Family::V6 {
        for kind in DISCOVERY {
            chain.push(with_icmp_type(Rule::jump("ACCEPT"), kind).matching("-m hl --hl-eq 255"));
        }
    }
    chain.push(Rule::jump("DROP").input(IGW));
    if family == Family::V6 {
        chain.push(Rule::jump("DROP").input(EGRESS_ONLY));
    }
    if family == Family::V4 {
        nat_gateway::input(vpc, chain);
    }
    chain.push(Rule::jump("DROP").marked(FORWARDED));
    let dns = |chain: &mut super::Chain, server| {
        for protocol in ["udp", "tcp"] {
            chain.push(Rule::jump("ACCEPT").to(server).port(protocol, 53));
        }
    };
    let dhcp = |ports| Rule::jump("ACCEPT").protocol("udp").matching(ports);
    match family {
        Family::V4 => {
            chain.push(dhcp("-m udp --sport 68 --dport 67"));
            for server in [address::dns(vpc.cidr), DNS_LINK_LOCAL] {
                dns(chain, server.into());
            }
            chain.push(Rule::jump("ACCEPT").to(METADATA).port("tcp", 80));
            chain.push(Rule::jump("ACCEPT").protocol("icmp").matching("-m icmp --icmp-type 8"));
        }
        Family::V6 => {
            chain.push(dhcp("-m udp --sport 546 --dport 547"));
            dns(chain, std::net::IpAddr::from(DNS_LINK_LOCAL_V6));
            chain.push(Rule::jump("ACCEPT").to(METADATA_V6).port("tcp", 80));
            chain.push(with_icmp_type(Rule::jump("ACCEPT"), 128));
        }
    }
}

/// Narrows a rule to ICMPv6 of a type.
pub(super) fn with_icmp_type(rule: Rule, kind: u8) -> Rule {
    rule.protocol("58").matching(format!("-m icmp6 --icmpv6-type {kind}"))
}
