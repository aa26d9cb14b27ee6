//! IPv6 beside IPv4: neighbours, the internet gateway, the egress-only one, and the host before and after.

use std::net::Ipv6Addr;

use cumulet_model::security::Peer;
use cumulet_net::sys::NetNs;
use cumulet_ports::network::{InterfaceSpec, Network, RouteSpec, RouteTableSpec, RouteTarget, VpcSpec};

use crate::guest::{Guest, connect_in, is_refused_in, serve_at};
use crate::life::host_state;
use crate::outside::outside;
use crate::world::{World, all, interface, sh, sh_here, story};

const OUTSIDE: &str = "2600::9";
const UPLINK: &str = "2001:db8:1::1";
const NEIGHBOUR: &str = "2001:db8:1::9";
const ANY: Ipv6Addr = Ipv6Addr::UNSPECIFIED;

fn ip(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

/// Gives the VPC a range and its two subnets blocks; the first one's table leads to the internet gateway, the second's
/// to the egress-only one.
fn dual_stack(vpc: &mut VpcSpec) {
    vpc.ipv6_cidrs = vec!["fd00:c0de:0:100::/56".parse().unwrap()];
    vpc.egress_only_gateway = true;
    for (subnet, block) in vpc.subnets.iter_mut().zip(["fd00:c0de:0:101::/64", "fd00:c0de:0:102::/64"]) {
        subnet.ipv6_cidr = Some(block.parse().unwrap());
    }
    let default = |target| RouteSpec { to: "::/0".parse().unwrap(), target };
    vpc.route_tables[0].routes.push(default(RouteTarget::InternetGateway));
    let id: cumulet_model::RouteTableId = "rtb-000000000000000f2".parse().unwrap();
    vpc.subnets[1].route_table = Some(id.clone());
    vpc.route_tables.push(RouteTableSpec { id, routes: vec![default(RouteTarget::EgressOnlyGateway)] });
}

/// Interface `n` with an IPv6 address that ends in `n`.
fn with_v6(n: u8) -> InterfaceSpec {
    let block = if n < 100 { 1 } else { 2 };
    let own = format!("fd00:c0de:0:10{block}::{n:x}").parse().unwrap();
    InterfaceSpec { ipv6: vec![own], ..interface(n, &[1]) }
}

async fn boot(world: &mut World, n: u8) -> (Guest, Ipv6Addr) {
    let interface = with_v6(n);
    world.vpc().interfaces.push(interface.clone());
    world.apply().await;
    let guest = world.boot(0, &interface).await;
    let own = interface.ipv6[0];
    let set_up = "sysctl -q -w net.ipv6.conf.eth0.accept_ra=0 net.ipv6.conf.all.forwarding=0";
    let route = "ip -6 route replace default via fe80::1 dev eth0";
    sh(&guest.ns, format!("{set_up}; ip -6 addr add {own}/128 dev eth0 nodad; {route}")).await;
    serve_at(&guest.ns, ANY.into(), 80).await;
    (guest, own)
}

/// The other side of the uplink with IPv6 as well.
async fn outside_v6(world: &World) -> NetNs {
    let outside = outside(world).await;
    let on = "sysctl -q -w net.ipv6.conf.all.disable_ipv6=0";
    sh(&world.host, format!("{on}; ip -6 addr add {UPLINK}/64 dev up0 nodad")).await;
    let lo = format!("ip -6 addr add {OUTSIDE}/128 dev lo");
    sh(&outside, format!("{on}; ip -6 addr add {NEIGHBOUR}/64 dev eth0 nodad; {lo}")).await;
    sh(&world.host, format!("ip -6 route add default via {NEIGHBOUR}")).await;
    sh(&outside, format!("ip -6 route add fd00:c0de::/48 via {UPLINK}")).await;
    serve_at(&outside, ANY.into(), 443).await;
    outside
}

fn open(world: &mut World) {
    let everybody = || all(Peer::Cidr6("::/0".parse().unwrap()));
    world.group(1).ingress.push(everybody());
    world.group(1).egress.push(everybody());
}

#[test]
fn a_dual_stack_vpc_has_neighbours_a_way_out_and_a_way_in() {
    story("a_dual_stack_vpc_has_neighbours_a_way_out_and_a_way_in", |mut world: World| async {
        let outside = outside_v6(&world).await;
        dual_stack(world.vpc());
        open(&mut world);
        let (first, first_ip) = boot(&mut world, 5).await;
        let (second, second_ip) = boot(&mut world, 6).await;
        assert!(first.pings(ip("fd00:c0de:0:101::1")).await, "the subnet's router");
        let seen = first.connect(second_ip, 80).await.expect("a neighbour");
        assert_eq!(seen.seen_as.ip(), first_ip);
        assert!(first.connect(second.ip, 81).await.is_none(), "nobody serves there");
        let seen = first.connect(ip(OUTSIDE), 443).await.expect("the world");
        assert_eq!(seen.seen_as.ip(), ip(UPLINK), "the private pool is masked by the host");
        assert!(first.is_refused(ip(NEIGHBOUR), 443).await, "the host's LAN is not of that world");
        for outsider in [&world.host, &outside] {
            assert!(connect_in(outsider, first_ip, 80).await.is_some(), "reached by its own address");
        }
        world.group(1).ingress.clear();
        world.apply().await;
        assert!(is_refused_in(&world.host, first_ip, 80).await, "through its groups");
        assert_eq!(world.apply().await, Vec::<String>::new());
        world.restart();
        assert_eq!(world.apply().await, Vec::<String>::new(), "a new daemon");
        world
    });
}

#[test]
fn an_egress_only_gateway_lets_out_and_nobody_in() {
    story("an_egress_only_gateway_lets_out_and_nobody_in", |mut world: World| async {
        let outside = outside_v6(&world).await;
        dual_stack(world.vpc());
        open(&mut world);
        let (public, public_ip) = boot(&mut world, 5).await;
        let (inner, inner_ip) = boot(&mut world, 105).await;
        for internet_gateway in [true, false] {
            world.vpc().internet_gateway = internet_gateway;
            world.apply().await;
            assert!(inner.connect(ip(OUTSIDE), 443).await.is_some(), "begun inside");
            for outsider in [&world.host, &outside] {
                assert!(is_refused_in(outsider, inner_ip, 80).await, "begun outside");
            }
            assert!(public.connect(inner_ip, 80).await.is_some(), "its neighbour");
            assert_eq!(public.connect(ip(OUTSIDE), 443).await.is_some(), internet_gateway);
        }
        assert!(is_refused_in(&world.host, public_ip, 80).await);
        world.vpc().egress_only_gateway = false;
        world.apply().await;
        assert!(inner.is_refused(ip(OUTSIDE), 443).await);
        assert_eq!(world.apply().await, Vec::<String>::new());
        world
    });
}

#[test]
fn nobody_uses_an_ipv6_address_that_is_not_its_own() {
    story("nobody_uses_an_ipv6_address_that_is_not_its_own", |mut world: World| async {
        dual_stack(world.vpc());
        open(&mut world);
        let (first, _) = boot(&mut world, 5).await;
        let (_second, second_ip) = boot(&mut world, 6).await;
        for false_source in ["fd00:c0de:0:101::77", "fd00:c0de:0:102::6", "2600::77"] {
            sh(&first.ns, format!("ip -6 addr add {false_source}/128 dev eth0 nodad")).await;
            let line = format!("ping -n -c 1 -w 2 -I {false_source} {second_ip} > /dev/null");
            assert!(!first.ns.run(move || crate::world::sh_succeeds(&line)).await.unwrap(), "{false_source}");
        }
        world
    });
}

#[test]
fn the_hosts_ipv6_is_the_same_after_a_whole_life() {
    story("the_hosts_ipv6_is_the_same_after_a_whole_life", |mut world: World| async {
        sh_here(
            "sysctl -q -w net.ipv6.conf.all.forwarding=0 net.ipv6.conf.default.accept_ra=1; ip6tables -P FORWARD DROP; \
             ip6tables -N DOCKER-USER; ip6tables -A FORWARD -j DOCKER-USER; ip6tables -A INPUT -p tcp --dport 23 -j DROP; \
             ip6tables -t nat -A POSTROUTING -s fd17::/64 ! -o docker0 -j MASQUERADE; \
             iptables -A INPUT -p tcp --dport 23 -j DROP; \
             iptables -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE",
        );
        outside_v6(&world).await;
        let before = host_state();
        dual_stack(world.vpc());
        open(&mut world);
        let (guest, own) = boot(&mut world, 5).await;
        assert!(guest.connect(ip(OUTSIDE), 443).await.is_some(), "under a policy of DROP");
        assert!(connect_in(&world.host, own, 80).await.is_some());
        assert_ne!(host_state(), before);
        world.net.teardown().await.unwrap();
        assert_eq!(host_state(), before);
        world
    });
}

#[test]
fn a_vpc_gets_ipv6_and_loses_it_while_it_runs() {
    story("a_vpc_gets_ipv6_and_loses_it_while_it_runs", |mut world: World| async {
        open(&mut world);
        let old = world.launch(7, &[1]).await;
        let bare = world.spec.clone();
        dual_stack(world.vpc());
        let (guest, own) = boot(&mut world, 5).await;
        assert!(connect_in(&world.host, own, 80).await.is_some());
        assert!(guest.pings(ip("fd00:c0de:0:101::1")).await);
        world.spec = bare;
        world.apply().await;
        assert!(is_refused_in(&world.host, own, 80).await);
        assert!(old.pings(std::net::Ipv4Addr::new(172, 31, 0, 1)).await);
        assert_eq!(world.apply().await, Vec::<String>::new());
        world
    });
}
