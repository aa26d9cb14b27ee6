//! Which addresses, routes, neighbours and settings the host, the edge and a VPC shall hold: computed from the desired
//! state alone.

mod routes;
mod tables;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use cumulet_model::{MacAddr, address};
use cumulet_ports::network::{InterfaceSpec, NetworkSpec, VpcSpec};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::config::NetConfig;
use crate::family::Family;
use crate::l3::{Door, LinkPlan, Plan, Route, RoutingRule, Way, link_local};
use crate::names::{
    self, DNS_LINK_LOCAL, DNS_LINK_LOCAL_V6, EDGE_TO_VPC, EDGE_UP, EGRESS_ONLY, IGW, METADATA, METADATA_V6,
    ROUTER_MAC, ROUTER_V6, VPC_TO_EDGE, VPC_TO_EDGE_V6,
};

pub use routes::FORWARD_MARK;
pub use tables::{MOST_TABLES, TABLE_MASK, TableNumber, Tables, tables};

/// Ethernet address of the edge's end of a link to a VPC; each link is a world of its own.
const EDGE_MAC: MacAddr = MacAddr([0x02, 0, 169, 254, 254, 1]);
/// Ethernet address of the VPC's end.
const VPC_MAC: MacAddr = MacAddr([0x02, 0, 169, 254, 254, 2]);
/// All link-local addresses (RFC 3927), which never leave a VPC.
const LINK_LOCAL: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 0, 0), 16);

/// Where DNS and metadata are (EC2's fd00:ec2::/32), which never leave a VPC either.
const SERVICES_V6: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0), 32);

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
pub fn host(config: &NetConfig, uplink_mtu: u32, with_v6: bool) -> Plan {
    let (link, pool) = (names::host_link(&config.tag), config.public_pool.trunc());
    let (own, edge) = (host_address(pool), edge_address(pool));
    let mut plan = Plan::default();
    host_v6(&mut plan, config, &link, with_v6);
    plan.links.insert(link.clone(), LinkPlan { mtu: Some(uplink_mtu), mac: None, door: None });
    plan.addresses.insert((link.clone(), own.into()));
    plan.routes.insert(on_link(edge, &link));
    plan.routes.insert(Route::new(pool, Way::Via { router: edge.into(), link, source: Some(own.into()) }));
    plan
}

/// The same of IPv6, if any VPC has it; else there is none on our link.
fn host_v6(plan: &mut Plan, config: &NetConfig, link: &str, with_v6: bool) {
    let conf = |name: &str| format!("ipv6/conf/{link}/{name}");
    if !with_v6 {
        return plan.set(conf("disable_ipv6"), "1");
    }
    for (name, value) in [("addr_gen_mode", "1"), ("accept_ra", "0"), ("disable_ipv6", "0")] {
        plan.set(conf(name), value);
    }
    let (own, edge) = (link_address_v6(config, 1), link_address_v6(config, 2));
    // Without a link-local address a router can't ask for its neighbours on behalf of others.
    for address in [own, ROUTER_V6] {
        plan.addresses.insert((link.to_owned(), address.into()));
    }
    plan.routes.insert(on_link(edge, link));
    let way = Way::Via { router: edge.into(), link: link.to_owned(), source: Some(own.into()) };
    plan.routes.insert(Route::new(config.ipv6_pool.trunc(), way));
}

/// The `n`th address of the pool's first range, which no VPC has: 1 is the host's end of the link to the edge, 2 the
/// edge's.
fn link_address_v6(config: &NetConfig, n: u128) -> Ipv6Addr {
    Ipv6Addr::from(u128::from(config.ipv6_pool.network()) | n)
}

/// Whether a VPC has IPv6.
pub fn has_v6(vpc: &VpcSpec) -> bool {
    !vpc.ipv6_cidrs.is_empty()
}

/// The families that a VPC has.
fn families(vpc: &VpcSpec) -> impl Iterator<Item = Family> {
    let with_v6 = has_v6(vpc);
    Family::BOTH.into_iter().filter(move |family| *family == Family::V4 || with_v6)
}

/// What the edge router shall hold: each public address leads to its VPC, all else to the host. A packet's source must
/// be where it came from (strict reverse path), so no VPC can use another's public address.
pub fn edge(config: &NetConfig, uplink_mtu: u32, desired: &NetworkSpec) -> Plan {
    let pool = config.public_pool.trunc();
    let (own, host) = (edge_address(pool), host_address(pool));
    let mut plan = Plan { whole_namespace: true, ..Plan::default() };
    let mtu = Some(uplink_mtu);
    plan.links.insert(EDGE_UP.to_owned(), LinkPlan { mtu, mac: None, door: None });
    plan.addresses.insert((EDGE_UP.to_owned(), own.into()));
    plan.routes.insert(on_link(host, EDGE_UP));
    let up = Way::Via { router: host.into(), link: EDGE_UP.to_owned(), source: Some(own.into()) };
    plan.routes.insert(Route::new(Ipv4Net::default(), up));
    plan.routes.insert(Route::new(pool, Way::Unreachable));
    plan.rules.extend(RoutingRule::usual(Family::V4));
    if desired.vpcs.iter().any(has_v6) {
        edge_v6(&mut plan, config);
    }
    for vpc in &desired.vpcs {
        if vpc.internet_gateway {
            let public = vpc.interfaces.iter().flat_map(public_addresses).map(|(public, _)| public);
            edge_link(&mut plan, names::edge_link(&vpc.id), uplink_mtu, public);
        }
        if vpc.egress_only_gateway && has_v6(vpc) {
            edge_link(&mut plan, names::edge_egress_link(&vpc.id), uplink_mtu, []);
        }
        edge_to_vpc_v6(&mut plan, vpc);
        for gateway in &vpc.nat_gateways {
            edge_link(&mut plan, names::edge_nat_link(&gateway.id), uplink_mtu, [gateway.public_ip]);
        }
    }
    let links: Vec<String> = plan.links.keys().cloned().collect();
    for link in links {
        strict_reverse_path(&mut plan, &link, true);
    }
    plan.set("ipv4/ip_forward", "1");
    plan
}

fn edge_v6(plan: &mut Plan, config: &NetConfig) {
    let (host, own) = (link_address_v6(config, 1), link_address_v6(config, 2));
    for address in [own, VPC_TO_EDGE_V6] {
        plan.addresses.insert((EDGE_UP.to_owned(), address.into()));
    }
    plan.routes.insert(on_link(host, EDGE_UP));
    let up = Way::Via { router: host.into(), link: EDGE_UP.to_owned(), source: Some(own.into()) };
    plan.routes.insert(Route::new(Ipv6Net::default(), up));
    plan.routes.insert(Route::new(config.ipv6_pool.trunc(), Way::Unreachable));
    plan.rules.extend(RoutingRule::usual(Family::V6));
}

/// A VPC's IPv6 addresses are reached by its internet gateway, or else by its egress-only one, which lets in answers alone.
fn edge_to_vpc_v6(plan: &mut Plan, vpc: &VpcSpec) {
    let links = [
        vpc.internet_gateway.then(|| names::edge_link(&vpc.id)),
        vpc.egress_only_gateway.then(|| names::edge_egress_link(&vpc.id)),
    ];
    if !has_v6(vpc) {
        return;
    }
    for link in links.iter().flatten() {
        plan.addresses.insert((link.clone(), ROUTER_V6.into()));
        plan.neighbours.insert((link.clone(), VPC_TO_EDGE_V6.into(), VPC_MAC));
    }
    let Some(link) = links.into_iter().flatten().next() else { return };
    plan.routes.extend(vpc.ipv6_cidrs.iter().map(|range| {
        Route::new(
            range.trunc(),
            Way::Via { router: VPC_TO_EDGE_V6.into(), link: link.clone(), source: None },
        )
    }));
}

/// A link to a VPC, by which these public addresses are reached.
fn edge_link(plan: &mut Plan, link: String, mtu: u32, public: impl IntoIterator<Item = Ipv4Addr>) {
    plan.links.insert(link.clone(), LinkPlan { mtu: Some(mtu), mac: Some(EDGE_MAC), door: None });
    plan.addresses.insert((link.clone(), EDGE_TO_VPC.into()));
    plan.neighbours.insert((link.clone(), VPC_TO_EDGE.into(), VPC_MAC));
    plan.routes.extend(public.into_iter().map(|public| {
        Route::new(
            Ipv4Net::from(public),
            Way::Via { router: VPC_TO_EDGE.into(), link: link.clone(), source: None },
        )
    }));
}

fn on_link(to: impl Into<IpAddr>, link: &str) -> Route {
    Route::new(IpNet::from(to.into()), Way::OnLink { link: link.to_owned() })
}

/// An interface's public addresses, each with the private one that it stands for.
pub fn public_addresses(interface: &InterfaceSpec) -> impl Iterator<Item = (Ipv4Addr, Ipv4Addr)> {
    interface.ipv4().filter_map(|(private, public)| Some((public?, private)))
}

/// A VPC's IPv4 ranges.
pub fn ranges(vpc: &VpcSpec) -> impl Iterator<Item = Ipv4Net> {
    [vpc.cidr].into_iter().chain(vpc.more_cidrs.iter().copied()).map(|range| range.trunc())
}

/// What a VPC's router shall hold. Inside, packets may be larger than the uplink takes; the links to the edge are as
/// narrow as the uplink, so that senders learn it here. The main table has what is local alone; where else a guest's
/// packets go, its subnet's route table says.
pub fn vpc(config: &NetConfig, uplink_mtu: u32, vpc: &VpcSpec) -> Plan {
    let mut plan = Plan { whole_namespace: true, ..Plan::default() };
    plan.links.insert("lo".to_owned(), LinkPlan::default());
    let servers = [address::dns(vpc.cidr), DNS_LINK_LOCAL, METADATA];
    for own in vpc.subnets.iter().map(|subnet| address::router(subnet.cidr)).chain(servers) {
        plan.addresses.insert(("lo".to_owned(), own.into()));
    }
    if vpc.internet_gateway {
        link_to_edge(&mut plan, IGW.to_owned(), uplink_mtu);
        strict_reverse_path(&mut plan, IGW, true);
    }
    if vpc.egress_only_gateway && has_v6(vpc) {
        link_to_edge(&mut plan, EGRESS_ONLY.to_owned(), uplink_mtu);
        strict_reverse_path(&mut plan, EGRESS_ONLY, true);
    }
    if has_v6(vpc) {
        vpc_v6(&mut plan, vpc);
    }
    for gateway in &vpc.nat_gateways {
        let link = names::nat_link(&gateway.id);
        link_to_edge(&mut plan, link.clone(), uplink_mtu);
        // What comes in by it comes from anywhere: answers alone, which connection tracking knows.
        strict_reverse_path(&mut plan, &link, false);
    }
    // What no interface has goes nowhere, least of all out.
    for range in ranges(vpc).chain([LINK_LOCAL]) {
        plan.routes.insert(Route::new(range, Way::Unreachable));
    }
    routes::put(&mut plan, vpc, &tables(vpc));
    for interface in &vpc.interfaces {
        tap(&mut plan, config, interface);
    }
    // A connection whose entry was ended does not go on as a new one that begins in its middle.
    plan.set("netfilter/nf_conntrack_tcp_loose", "0");
    plan.set("ipv4/ip_forward", "1");
    plan
}

/// The router's own addresses, and nowhere for those that no interface has.
fn vpc_v6(plan: &mut Plan, vpc: &VpcSpec) {
    let subnets = vpc.subnets.iter().filter_map(|subnet| subnet.ipv6_cidr);
    let routers = subnets.map(|block| Ipv6Addr::from(u128::from(block.network()) | 1));
    for own in routers.chain([DNS_LINK_LOCAL_V6, METADATA_V6]) {
        plan.addresses.insert(("lo".to_owned(), own.into()));
    }
    for range in vpc.ipv6_cidrs.iter().map(Ipv6Net::trunc).chain([SERVICES_V6]) {
        plan.routes.insert(Route::new(range, Way::Unreachable));
    }
    for (link, attached) in [(IGW, vpc.internet_gateway), (EGRESS_ONLY, vpc.egress_only_gateway)] {
        if attached {
            plan.addresses.insert((link.to_owned(), VPC_TO_EDGE_V6.into()));
            plan.neighbours.insert((link.to_owned(), ROUTER_V6.into(), EDGE_MAC));
        }
    }
}

/// An interface's IPv6: the router by its link-local address, from which guests learn their way, a route and a fixed
/// neighbour for each address, and for the one that its Ethernet address makes.
fn tap_v6(plan: &mut Plan, tap: &str, interface: &InterfaceSpec) {
    if interface.ipv6.is_empty() {
        return;
    }
    plan.addresses.insert((tap.to_owned(), ROUTER_V6.into()));
    plan.neighbours.insert((tap.to_owned(), link_local(interface.mac).into(), interface.mac));
    for address in &interface.ipv6 {
        plan.routes.insert(on_link(*address, tap));
        plan.neighbours.insert((tap.to_owned(), (*address).into(), interface.mac));
    }
}

fn tap(plan: &mut Plan, config: &NetConfig, interface: &InterfaceSpec) {
    let tap = names::tap(&interface.id);
    let door = Some(Door::of(interface));
    let link = LinkPlan { mtu: Some(config.mtu.into()), mac: Some(ROUTER_MAC), door };
    plan.links.insert(tap.clone(), link);
    for (address, _) in interface.ipv4() {
        plan.routes.insert(on_link(address, &tap));
        plan.neighbours.insert((tap.clone(), address.into(), interface.mac));
    }
    tap_v6(plan, &tap, interface);
    strict_reverse_path(plan, &tap, interface.source_dest_check);
    // The guest finds its neighbours by asking for their Ethernet addresses and is answered with the tap's, at once
    // rather than after the random delay that is meant for many proxies on one wire.
    plan.set(format!("ipv4/conf/{tap}/proxy_arp"), "1");
    plan.set(format!("ipv4/neigh/{tap}/proxy_delay"), "0");
}

fn link_to_edge(plan: &mut Plan, link: String, mtu: u32) {
    plan.links.insert(link.clone(), LinkPlan { mtu: Some(mtu), mac: Some(VPC_MAC), door: None });
    plan.addresses.insert((link.clone(), VPC_TO_EDGE.into()));
    plan.neighbours.insert((link, EDGE_TO_VPC.into(), EDGE_MAC));
}

/// Settings of a namespace of ours before it has links: IPv6 only where it is wanted, no redirects, ARP answered for all
/// of the router's addresses, and each link decides on its reverse path by itself. A new namespace begins with the
/// host's own values, whatever they are, and a new link with those of `default`.
pub fn router(with_v6: bool) -> Vec<(String, String)> {
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
    /// Of a router that is told nothing by others, has the addresses that we give it alone, and asks nobody whether they
    /// are its own.
    const VALUES_V6: [(&str, &str); 9] = [
        ("accept_ra", "0"),
        ("accept_redirects", "0"),
        ("accept_source_route", "-1"),
        ("autoconf", "0"),
        ("addr_gen_mode", "1"),
        ("accept_dad", "0"),
        ("dad_transmits", "0"),
        ("disable_ipv6", "0"),
        ("forwarding", "1"),
    ];
    let mut settings = Vec::new();
    for scope in ["all", "default"] {
        settings.extend(VALUES.map(|(name, value)| (format!("ipv4/conf/{scope}/{name}"), value.to_owned())));
        if with_v6 {
            let values =
                VALUES_V6.map(|(name, value)| (format!("ipv6/conf/{scope}/{name}"), value.to_owned()));
            settings.extend(values);
        } else {
            settings.push((format!("ipv6/conf/{scope}/disable_ipv6"), "1".to_owned()));
        }
    }
    settings
}

/// A strict link takes only packets whose source its routes lead back to; so does its ARP, and a guest that claims
/// another's address gets neither an answer nor an entry among the router's neighbours.
fn strict_reverse_path(plan: &mut Plan, link: &str, strict: bool) {
    plan.set(format!("ipv4/conf/{link}/rp_filter"), if strict { "1" } else { "0" });
    plan.set(format!("ipv4/conf/{link}/send_redirects"), "0");
}
