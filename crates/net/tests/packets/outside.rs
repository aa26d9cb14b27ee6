//! The internet gateway: public addresses from the host, from guests and to the world beyond.

use std::net::{Ipv4Addr, TcpListener, TcpStream};

use cumulet_net::sys::NetNs;
use nix::sys::socket::{getsockopt, sockopt};

use crate::guest::{PATIENCE, connect_in, is_refused_in, serve_in};
use crate::world::{World, all, cidr, group_id, interface, sh, story, tcp};

/// The internet.
pub const OUTSIDE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 9);
/// The host there.
pub const UPLINK: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const PUBLIC: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 9);

/// An address on the host's LAN.
const NEIGHBOUR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 9);

/// A host on the other side of the host's uplink: it is the host's neighbour there by one address, and the internet
/// by another.
pub async fn outside(world: &World) -> NetNs {
    let outside = NetNs::anonymous("outside").unwrap();
    let fd = format!("/proc/{}/fd/{}", std::process::id(), outside.raw_fd());
    sh(&world.host, format!("ip link add up0 type veth peer name eth0; ip link set eth0 netns {fd}")).await;
    sh(&world.host, format!("ip addr add {UPLINK}/24 dev up0; ip link set up0 up")).await;
    sh(&outside, format!("ip addr add {OUTSIDE}/32 dev lo; ip link set lo up")).await;
    sh(&outside, format!("ip addr add {NEIGHBOUR}/24 dev eth0; ip link set eth0 up")).await;
    sh(&world.host, format!("ip route add default via {NEIGHBOUR}")).await;
    outside
}

#[test]
fn a_public_address_is_reached_from_the_host_through_the_group() {
    story("a_public_address_is_reached_from_the_host_through_the_group", |mut world: World| async {
        world.group(1);
        let guest = world.launch_public(5, Some("198.18.0.9"), &[1]).await;
        guest.serve(22).await;
        assert!(is_refused_in(&world.host, PUBLIC, 22).await);
        world.group(1).ingress.push(tcp(22, cidr("198.18.0.1/32")));
        world.apply().await;
        let seen = connect_in(&world.host, PUBLIC, 22).await.expect("authorized");
        assert_eq!(seen.seen_as.ip(), Ipv4Addr::new(198, 18, 0, 1), "the host's end of the link");
        assert!(
            is_refused_in(&world.host, Ipv4Addr::new(198, 18, 0, 10), 22).await,
            "an address that nobody has"
        );
        world
    });
}

#[test]
fn a_guest_with_a_public_address_reaches_the_world_and_one_without_does_not() {
    let name = "a_guest_with_a_public_address_reaches_the_world_and_one_without_does_not";
    story(name, |mut world: World| async {
        let outside = outside(&world).await;
        // As on a host with Docker: all that is forwarded is dropped unless somebody says otherwise.
        sh(&world.host, "iptables -P FORWARD DROP; iptables -A FORWARD -i docker0 -j ACCEPT").await;
        serve_in(&outside, 443).await;
        world.group(1);
        let public = world.launch_public(5, Some("198.18.0.9"), &[1]).await;
        let private = world.launch(6, &[1]).await;
        let seen = public.connect(OUTSIDE, 443).await.expect("the world");
        assert_eq!(seen.seen_as.ip(), UPLINK, "masqueraded by the host");
        assert!(public.pings(OUTSIDE).await);
        assert!(private.is_refused(OUTSIDE, 443).await);
        let interface = world.vpc().interfaces.iter_mut().find(|i| i.private_ip == private.ip).unwrap();
        interface.public_ip = Some("198.18.0.10".parse().unwrap());
        world.apply().await;
        assert!(private.connect(OUTSIDE, 443).await.is_some(), "given a public address while it runs");
        world
    });
}

#[test]
fn the_hosts_lan_is_not_there_for_guests_unless_it_is_allowed() {
    story("the_hosts_lan_is_not_there_for_guests_unless_it_is_allowed", |mut world: World| async {
        let outside = outside(&world).await;
        // A private network that the host has no route of its own to, as behind a home's router.
        let behind = Ipv4Addr::new(192, 168, 77, 9);
        sh(&outside, format!("ip addr add {behind}/32 dev lo")).await;
        serve_in(&outside, 443).await;
        world.group(1).ingress.push(all(cidr("0.0.0.0/0")));
        let guest = world.launch_public(5, Some("198.18.0.9"), &[1]).await;
        guest.serve(80).await;
        assert!(guest.connect(OUTSIDE, 443).await.is_some(), "the internet");
        for lan in [NEIGHBOUR, behind] {
            assert!(guest.is_refused(lan, 443).await, "{lan}");
            assert!(!guest.pings(lan).await, "{lan}");
        }
        sh(&outside, format!("ip route add 198.18.0.0/24 via {UPLINK}")).await;
        assert!(
            connect_in(&outside, PUBLIC, 80).await.is_some(),
            "the LAN reaches the guest and is answered"
        );
        assert!(connect_in(&world.host, PUBLIC, 80).await.is_some(), "and so does the host");
        world.reconfigure(|config| config.guest_networks = vec![format!("{NEIGHBOUR}/32").parse().unwrap()]);
        world.apply().await;
        assert!(guest.connect(NEIGHBOUR, 443).await.is_some(), "allowed");
        assert!(guest.is_refused(behind, 443).await, "that one alone");
        assert_eq!(world.apply().await, Vec::<String>::new());
        world
    });
}

#[test]
fn much_data_arrives_whole_between_neighbours_and_from_the_host() {
    story("much_data_arrives_whole_between_neighbours_and_from_the_host", |mut world: World| async {
        world.group(1).ingress.push(all(cidr("0.0.0.0/0")));
        let server = world.launch_public(5, Some("198.18.0.9"), &[1]).await;
        let neighbour = world.launch(6, &[1]).await;
        server.serve(80).await;
        let near = neighbour.connect(server.ip, 80).await.unwrap();
        let far = connect_in(&world.host, PUBLIC, 80).await.unwrap();
        for conversation in [near, far] {
            let carried = tokio::task::spawn_blocking(move || conversation.carries(8 << 20));
            carried.await.unwrap().expect("eight mebibytes there and back");
        }
        world
    });
}

#[test]
fn a_guest_learns_how_narrow_the_uplink_is() {
    story("a_guest_learns_how_narrow_the_uplink_is", |mut world: World| async {
        let outside = outside(&world).await;
        sh(&world.host, "ip link set up0 mtu 1400").await;
        world.group(1).ingress.push(all(cidr("0.0.0.0/0")));
        let guest = world.launch_public(5, Some("198.18.0.9"), &[1]).await;
        let neighbour = world.launch(6, &[1]).await;
        for (server, ip, expected) in [(&outside, OUTSIDE, ..=1360), (&neighbour.ns, neighbour.ip, ..=1460)] {
            let listener = server.run(|| TcpListener::bind("0.0.0.0:99")).await.unwrap().unwrap();
            let connecting = guest.ns.run(move || TcpStream::connect_timeout(&(ip, 99).into(), PATIENCE));
            let accepting = tokio::task::spawn_blocking(move || listener.accept());
            let _client = connecting.await.unwrap().expect("a connection");
            let (served, _) = accepting.await.unwrap().unwrap();
            let segment = getsockopt(&served, sockopt::TcpMaxSeg).unwrap();
            assert!(expected.contains(&segment) && segment + 30 > expected.end, "{ip}: {segment}");
        }
        world
    });
}

#[test]
fn a_public_address_that_moves_leads_to_its_new_owner_and_no_flow_stays_behind() {
    let name = "a_public_address_that_moves_leads_to_its_new_owner_and_no_flow_stays_behind";
    story(name, |mut world: World| async {
        world.group(1).ingress.push(all(cidr("0.0.0.0/0")));
        let first = world.launch_public(5, Some("198.18.0.9"), &[1]).await;
        let second = world.launch(6, &[1]).await;
        first.serve(80).await;
        second.serve(81).await;
        let mut open = connect_in(&world.host, PUBLIC, 80).await.expect("the first owner");
        world.vpc().interfaces[0].public_ip = None;
        world.vpc().interfaces[1].public_ip = Some(PUBLIC);
        world.apply().await;
        assert!(connect_in(&world.host, PUBLIC, 81).await.is_some(), "the new owner");
        assert!(open.has_ended(), "the former owner's connection");
        world
    });
}

#[test]
fn guests_meet_at_their_public_addresses_under_their_public_names() {
    story("guests_meet_at_their_public_addresses_under_their_public_names", |mut world: World| async {
        world.group(1).ingress.push(tcp(80, cidr("198.18.0.10/32")));
        let server = world.launch_public(5, Some("198.18.0.9"), &[1]).await;
        let client = world.launch_public(6, Some("198.18.0.10"), &[1]).await;
        server.serve(80).await;
        let seen = client.connect(PUBLIC, 80).await.expect("by its public address");
        assert_eq!(seen.seen_as.ip(), Ipv4Addr::new(198, 18, 0, 10));
        assert!(client.is_refused(server.ip, 80).await, "the rule names the public address alone");
        let private = world.launch(7, &[1]).await;
        assert!(private.is_refused(PUBLIC, 80).await, "no way out without a public address");
        world
    });
}

#[test]
fn two_vpcs_with_the_same_addresses_are_worlds_apart() {
    story("two_vpcs_with_the_same_addresses_are_worlds_apart", |mut world: World| async {
        world.group(1).ingress.push(all(cidr("0.0.0.0/0")));
        let here = world.launch_public(5, Some("198.18.0.9"), &[1]).await;
        here.serve(80).await;
        let mut other = crate::world::vpc(2);
        other.groups = world.spec.vpcs[0].groups.clone();
        let mut twin = interface(5, &[1]);
        twin.public_ip = Some("198.18.0.10".parse().unwrap());
        twin.subnet_id = other.subnets[0].id.clone();
        let mut second = interface(6, &[1]);
        second.subnet_id = other.subnets[0].id.clone();
        other.interfaces = vec![twin.clone(), second.clone()];
        world.spec.vpcs.push(other);
        world.apply().await;
        let mut guests = Vec::new();
        for spec in [&twin, &second] {
            let guest = world.boot(1, spec).await;
            guest.serve(81).await;
            guests.push(guest);
        }
        assert!(guests[1].connect(twin.private_ip, 81).await.is_some(), "its own neighbour");
        assert!(guests[1].is_refused(twin.private_ip, 80).await, "not the other VPC's");
        assert!(
            here.connect(Ipv4Addr::new(198, 18, 0, 10), 81).await.is_some(),
            "by public addresses they meet"
        );
        assert_eq!(group_id(1), world.spec.vpcs[1].groups[0].id);
        world
    });
}
