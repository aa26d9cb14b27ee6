//! NAT gateways: what goes out by a gateway's link takes its elastic address, and only answers come in by it.
//!
//! A gateway has some number of connections at a time to one destination (VPC guide, "NAT gateways"): as many as it has
//! ports for, since each connection to the same address, port and protocol needs another. When all are taken, further
//! ones are dropped.

use cumulet_ports::network::{NatGatewaySpec, VpcSpec};

use super::group::way;
use super::vpc::ALLOWED;
use super::{Chain, Rule, Table};
use crate::names;

/// The first port that a gateway gives connections.
const FIRST_PORT: u32 = 1024;
/// What goes through a gateway (VPC guide, "NAT gateway basics").
const PROTOCOLS: [&str; 3] = ["tcp", "udp", "icmp"];

fn any_link() -> String {
    format!("{}+", names::NAT_PREFIX)
}

/// Adds to `FORWARD`, where what belongs to a connection was let through before and the sender's groups have been asked:
/// what they allow goes out.
pub fn forward(vpc: &VpcSpec, chain: &mut Chain) {
    if vpc.nat_gateways.is_empty() {
        return;
    }
    for gateway in &vpc.nat_gateways {
        for protocol in PROTOCOLS {
            let out = Rule::jump("ACCEPT").output(names::nat_link(&gateway.id)).protocol(protocol);
            chain.push(out.marked(ALLOWED));
        }
    }
    chain.push(Rule::jump("DROP").output(any_link())).push(Rule::jump("DROP").input(any_link()));
}

/// Adds to `INPUT`: nothing gets to the router by a gateway.
pub fn input(vpc: &VpcSpec, chain: &mut Chain) {
    if !vpc.nat_gateways.is_empty() {
        chain.push(Rule::jump("DROP").input(any_link()));
    }
}

/// Adds to `POSTROUTING` of table `nat`.
pub fn translate(vpc: &VpcSpec, chain: &mut Chain) {
    for gateway in &vpc.nat_gateways {
        for protocol in PROTOCOLS {
            let source = match protocol {
                "icmp" => gateway.public_ip.to_string(),
                _ => format!("{}:{FIRST_PORT}-{}", gateway.public_ip, last_port(gateway)),
            };
            let rule = Rule::jump(format!("SNAT --to-source {source}")).protocol(protocol);
            chain.push(rule.output(names::nat_link(&gateway.id)));
        }
    }
}

fn last_port(gateway: &NatGatewaySpec) -> u32 {
    (FIRST_PORT - 1 + gateway.max_connections.max(1)).min(u16::MAX.into())
}

/// Adds to the chain that asks the ACLs of borders: what goes through a gateway enters its subnet and leaves it.
pub fn borders(vpc: &VpcSpec, chain: &mut Chain) {
    for gateway in &vpc.nat_gateways {
        let guarded = vpc.subnets.iter().any(|subnet| subnet.id == gateway.subnet_id && subnet.acl.is_some());
        if !guarded {
            continue;
        }
        let link = names::nat_link(&gateway.id);
        for direction in
            [cumulet_model::security::Direction::Ingress, cumulet_model::security::Direction::Egress]
        {
            let acl = names::acl_chain(&gateway.subnet_id, way(direction));
            chain.push(Rule::jump(&acl).input(&link)).push(Rule::jump(&acl).output(&link));
        }
    }
}

/// Adds to `FORWARD` of table `mangle`: TCP begins with segments that the uplink carries.
pub fn clamp(vpc: &VpcSpec, table: &mut Table) {
    if vpc.nat_gateways.is_empty() {
        return;
    }
    let first = || {
        Rule::jump("TCPMSS --clamp-mss-to-pmtu").protocol("tcp").matching("-m tcp --tcp-flags SYN,RST SYN")
    };
    let chain = table.chain("FORWARD");
    chain.push(first().input(any_link())).push(first().output(any_link()));
}
