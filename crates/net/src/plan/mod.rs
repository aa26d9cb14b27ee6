//! Which addresses, routes, neighbours and settings the host, the edge and a VPC shall hold: computed from the desired
//! state alone.

mod tables;

use std::net::Ipv4Addr;

use cumulet_model::{MacAddr, address};
use cumulet_ports::network::{NetworkSpec, VpcSpec};
use ipnet::Ipv4Net;

use crate::config::NetConfig;
use crate::l3::{Door, LinkPlan, Plan, Route};
use crate::names::{self, DNS_LINK_LOCAL, EDGE_TO_VPC, EDGE_UP, IGW, METADATA, ROUTER_MAC, VPC_TO_EDGE};

pub use tables::{MOST_TABLES, TABLE_MASK, TableNumber, Tables, tables};

/// Ethernet address of the edge's end of a link to a VPC; each link is a world of its own.
const EDGE_MAC: MacAddr = MacAddr([0x02, 0, 169, 254, 254, 1]);
/// Ethernet address of the VPC's end.
const VPC_MAC: MacAddr = MacAddr([0x02, 0, 169, 254, 254, 2]);
/// All link-local addresses (RFC 3927), which never leave a VPC.
const LINK_LOCAL: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 0, 0), 16);

/// The host's end of the link to the edge.
pub fn host_address(pool: Ipv4Net) -> Ipv4Addr {
    nth(pool, 1)
}

/// The edge's end of the link to the host.
pub fn edge_address(pool: Ipv4Net) -> Ipv4Addr {
    nth(pool, 2)
}

fn nth(net: Ipv4Net, n: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(net.network()) | n)
}

/// What the host shall hold: a route to the public pool by the edge. Nothing but our own link is touched.
pub fn host(config: &NetConfig, uplink_mtu: u32) -> Plan {
    let (link, pool) = (names::host_link(&config.tag), config.public_pool.trunc());
    let (own, edge) = (host_address(pool), edge_address(pool));
    let mut plan = Plan::default();
    plan.set(format!("ipv6/conf/{link}/disable_ipv6"), "1");
    plan.links.insert(link.clone(), LinkPlan { mtu: Some(uplink_mtu), mac: None, door: None });
    plan.addresses.insert((link.clone(), own));
    plan.routes.insert(Route::OnLink { to: edge.into(), link: link.clone() });
    plan.routes.insert(Route::Via { to: pool, router: edge, link, source: Some(own) });
    plan
}

/// What the edge router shall hold: each public address leads to its VPC, all else to the host. A packet's source must
/// be where it came from (strict reverse path), so no VPC can use another's public address.
pub fn edge(config: &NetConfig, uplink_mtu: u32, desired: &NetworkSpec) -> Plan {
    let pool = config.public_pool.trunc();
    let (own, host) = (edge_address(pool), host_address(pool));
    let mut plan = Plan { whole_namespace: true, ..Plan::default() };
    let mtu = Some(uplink_mtu);
    plan.links.insert(EDGE_UP.to_owned(), LinkPlan { mtu, mac: None, door: None });
    plan.addresses.insert((EDGE_UP.to_owned(), own));
    plan.routes.insert(Route::OnLink { to: host.into(), link: EDGE_UP.to_owned() });
    let all = Ipv4Net::default();
    plan.routes.insert(Route::Via { to: all, router: host, link: EDGE_UP.to_owned(), source: Some(own) });
    plan.routes.insert(Route::Unreachable { to: pool });
    for vpc in &desired.vpcs {
        let link = names::edge_link(&vpc.id);
        plan.links.insert(link.clone(), LinkPlan { mtu, mac: Some(EDGE_MAC), door: None });
        plan.addresses.insert((link.clone(), EDGE_TO_VPC));
        plan.neighbours.insert((link.clone(), VPC_TO_EDGE, VPC_MAC));
        for public in vpc.interfaces.iter().filter_map(|interface| interface.public_ip) {
            let route =
                Route::Via { to: public.into(), router: VPC_TO_EDGE, link: link.clone(), source: None };
            plan.routes.insert(route);
        }
    }
    let links: Vec<String> = plan.links.keys().cloned().collect();
    for link in links {
        strict_reverse_path(&mut plan, &link, true);
    }
    plan.set("ipv4/ip_forward", "1");
    plan
}

/// What a VPC's router shall hold. Inside, packets may be larger than the uplink takes; the link to the edge is as narrow
/// as the uplink, so that senders learn it here.
pub fn vpc(config: &NetConfig, uplink_mtu: u32, vpc: &VpcSpec) -> Plan {
    let mut plan = Plan { whole_namespace: true, ..Plan::default() };
    let mtu = Some(config.mtu.into());
    plan.links.insert("lo".to_owned(), LinkPlan::default());
    let servers = [address::dns(vpc.cidr), DNS_LINK_LOCAL, METADATA];
    for own in vpc.subnets.iter().map(|subnet| address::router(subnet.cidr)).chain(servers) {
        plan.addresses.insert(("lo".to_owned(), own));
    }
    internet_gateway(&mut plan, uplink_mtu);
    // What no interface has goes nowhere, least of all out.
    plan.routes.insert(Route::Unreachable { to: vpc.cidr.trunc() });
    plan.routes.insert(Route::Unreachable { to: LINK_LOCAL });
    for interface in &vpc.interfaces {
        let tap = names::tap(&interface.id);
        let door = Some(Door::of(interface));
        plan.links.insert(tap.clone(), LinkPlan { mtu, mac: Some(ROUTER_MAC), door });
        plan.routes.insert(Route::OnLink { to: interface.private_ip.into(), link: tap.clone() });
        plan.neighbours.insert((tap.clone(), interface.private_ip, interface.mac));
        strict_reverse_path(&mut plan, &tap, interface.source_dest_check);
        // The guest finds its neighbours by asking for their Ethernet addresses and is answered with the tap's, at once
        // rather than after the random delay that is meant for many proxies on one wire.
        plan.set(format!("ipv4/conf/{tap}/proxy_arp"), "1");
        plan.set(format!("ipv4/neigh/{tap}/proxy_delay"), "0");
    }
    plan.set("ipv4/ip_forward", "1");
    plan
}

fn internet_gateway(plan: &mut Plan, mtu: u32) {
    let link = IGW.to_owned();
    plan.links.insert(link.clone(), LinkPlan { mtu: Some(mtu), mac: Some(VPC_MAC), door: None });
    plan.addresses.insert((link.clone(), VPC_TO_EDGE));
    plan.neighbours.insert((link.clone(), EDGE_TO_VPC, EDGE_MAC));
    plan.routes.insert(Route::Via { to: Ipv4Net::default(), router: EDGE_TO_VPC, link, source: None });
    strict_reverse_path(plan, IGW, true);
}

/// Settings of a namespace of ours before it has links: no IPv6 yet, no redirects, ARP answered for all of the router's
/// addresses, and each link decides on its reverse path by itself. A new namespace begins with the host's own values,
/// whatever they are, and a new link with those of `default`.
pub fn router() -> Vec<(String, String)> {
    const VALUES: [(&str, &str); 9] = [
        ("accept_redirects", "0"),
        ("send_redirects", "0"),
        ("accept_source_route", "0"),
        ("rp_filter", "0"),
        ("arp_ignore", "0"),
        ("arp_filter", "0"),
        ("arp_accept", "0"),
        ("proxy_arp", "0"),
        ("route_localnet", "0"),
    ];
    let mut settings = Vec::new();
    for scope in ["all", "default"] {
        settings.push((format!("ipv6/conf/{scope}/disable_ipv6"), "1".to_owned()));
        settings.extend(VALUES.map(|(name, value)| (format!("ipv4/conf/{scope}/{name}"), value.to_owned())));
    }
    settings
}

/// A strict link takes only packets whose source its routes lead back to; so does its ARP, and a guest that claims
/// another's address gets neither an answer nor an entry among the router's neighbours.
fn strict_reverse_path(plan: &mut Plan, link: &str, strict: bool) {
    plan.set(format!("ipv4/conf/{link}/rp_filter"), if strict { "1" } else { "0" });
    plan.set(format!("ipv4/conf/{link}/send_redirects"), "0");
}
