//! What a hostile guest can't do.

use std::net::Ipv4Addr;

use cumulet_model::MacAddr;
use cumulet_net::sys::NetNs;

use crate::guest::{Guest, connect_in, serve_in};
use crate::world::{World, all, cidr, sh, story};

const BROADCAST: MacAddr = MacAddr([0xff; 6]);

async fn two_open_guests(world: &mut World) -> (Guest, Guest) {
    world.group(1).ingress.push(all(cidr("0.0.0.0/0")));
    (world.launch(5, &[1]).await, world.launch(6, &[1]).await)
}

#[test]
fn a_guest_cannot_use_an_address_that_is_not_its_own() {
    story("a_guest_cannot_use_an_address_that_is_not_its_own", |mut world: World| async {
        let (a, b) = two_open_guests(&mut world).await;
        b.serve_udp(1000).await;
        assert!(a.udp_echo(a.ip, b.ip, 1000).await);
        remember(&a, b.ip).await;
        for false_source in ["172.31.0.77", "172.31.0.6", "172.31.0.1", "169.254.169.254", "192.0.2.1"] {
            sh(&a.ns, format!("ip addr add {false_source}/32 dev eth0")).await;
            let received = received_by(&b).await;
            assert!(!a.udp_echo(false_source.parse().unwrap(), b.ip, 1000).await, "{false_source}");
            assert_eq!(received_by(&b).await, received, "{false_source}: nothing even arrives");
            sh(&a.ns, format!("ip addr del {false_source}/32 dev eth0")).await;
        }
        assert!(a.udp_echo(a.ip, b.ip, 1000).await, "still itself");
        world
    });
}

#[test]
fn a_guest_cannot_use_an_ethernet_address_that_is_not_its_own() {
    story("a_guest_cannot_use_an_ethernet_address_that_is_not_its_own", |mut world: World| async {
        let (a, b) = two_open_guests(&mut world).await;
        b.serve_udp(1000).await;
        for mac in [b.mac, MacAddr([2, 9, 9, 9, 9, 9])] {
            assert!(a.udp_echo(a.ip, b.ip, 1000).await, "as itself");
            let known = neighbour(&a, b.ip).await;
            sh(&a.ns, format!("ip link set eth0 address {mac}")).await;
            sh(&a.ns, format!("ip neigh replace {} lladdr {known} dev eth0 nud permanent", b.ip)).await;
            let received = received_by(&b).await;
            assert!(!a.udp_echo(a.ip, b.ip, 1000).await, "{mac}");
            assert_eq!(received_by(&b).await, received, "{mac}: nothing even arrives");
            sh(&a.ns, format!("ip link set eth0 address {}; ip neigh flush all nud permanent", a.mac)).await;
        }
        assert!(a.udp_echo(a.ip, b.ip, 1000).await, "its own again");
        world
    });
}

#[test]
fn false_arp_has_no_effect() {
    story("false_arp_has_no_effect", |mut world: World| async {
        let (a, b) = two_open_guests(&mut world).await;
        assert!(a.pings(b.ip).await);
        // Guest a claims b's and the router's addresses, as requests, announcements and answers.
        for claimed in [b.ip, Ipv4Addr::new(172, 31, 0, 1)] {
            for operation in [1, 2] {
                a.send_frame(&arp(a.mac, operation, claimed, claimed));
                a.send_frame(&arp(a.mac, operation, claimed, b.ip));
            }
        }
        for n in 0..200 {
            a.send_frame(&arp(a.mac, 1, Ipv4Addr::new(172, 31, 1, n), Ipv4Addr::new(172, 31, 0, 1)));
        }
        assert!(a.pings(b.ip).await && b.pings(a.ip).await);
        let neighbours = world.in_vpc("ip -4 neigh show");
        assert_eq!(neighbours.matches("172.31.1.").count(), 0, "no room is taken: {neighbours}");
        assert!(
            neighbours.contains(&format!("{} dev {} lladdr {} PERMANENT", b.ip, tap(6), b.mac)),
            "{neighbours}"
        );
        world
    });
}

#[test]
fn a_guest_hears_nothing_of_its_neighbours_frames() {
    story("a_guest_hears_nothing_of_its_neighbours_frames", |mut world: World| async {
        let (a, b) = two_open_guests(&mut world).await;
        let bystander = world.launch(7, &[1]).await;
        let before = received_by(&bystander).await;
        assert!(a.pings(b.ip).await);
        a.send_frame(&arp(a.mac, 1, a.ip, bystander.ip));
        assert!(a.pings(b.ip).await, "what was sent before has been handled");
        assert_eq!(received_by(&bystander).await, before);
        world
    });
}

#[test]
fn a_guest_reaches_no_service_of_the_host_or_the_router() {
    story("a_guest_reaches_no_service_of_the_host_or_the_router", |mut world: World| async {
        world.group(1).ingress.push(all(cidr("0.0.0.0/0")));
        let guest = world.launch_public(5, Some("198.18.0.9"), &[1]).await;
        sh(
            &world.host,
            "ip link add lan type veth peer name lan2; ip addr add 192.0.2.1/24 dev lan; ip link set lan up",
        )
        .await;
        serve_in(&world.host, 8773).await;
        let vpc = cumulet_net::names::vpc_namespace(&world.config.tag, &world.spec.vpcs[0].id);
        serve_in(&NetNs::open(&vpc).unwrap().unwrap(), 8773).await;
        let lan = Ipv4Addr::new(192, 0, 2, 1);
        assert!(connect_in(&world.host, lan, 8773).await.is_some(), "the service is there");
        for address in
            [lan, Ipv4Addr::new(198, 18, 0, 1), Ipv4Addr::new(198, 18, 0, 2), Ipv4Addr::new(172, 31, 0, 1)]
        {
            assert!(guest.is_refused(address, 8773).await, "{address}");
        }
        assert!(!guest.pings(lan).await);
        guest.serve(80).await;
        let public = Ipv4Addr::new(198, 18, 0, 9);
        assert!(connect_in(&world.host, public, 80).await.is_some(), "the host itself reaches the guest");
        world
    });
}

#[test]
fn a_forwarding_guest_may_send_for_others_if_it_is_told_so() {
    story("a_forwarding_guest_may_send_for_others_if_it_is_told_so", |mut world: World| async {
        let (a, b) = two_open_guests(&mut world).await;
        assert!(a.pings(b.ip).await);
        remember(&a, b.ip).await;
        // The answer goes to whom the source belongs to, which is not a.
        sh(&a.ns, "ip addr add 10.9.9.9/32 dev eth0").await;
        let arrives = async || {
            let before = received_by(&b).await;
            a.udp_echo(Ipv4Addr::new(10, 9, 9, 9), b.ip, 1000).await;
            received_by(&b).await > before
        };
        assert!(!arrives().await);
        world.vpc().interfaces[0].source_dest_check = false;
        world.apply().await;
        assert!(arrives().await, "no source check");
        world
    });
}

pub fn tap(n: u8) -> String {
    cumulet_net::names::tap(&crate::world::interface_id(n))
}

/// The Ethernet address that a guest's kernel knows for a neighbour.
pub async fn neighbour(guest: &Guest, ip: Ipv4Addr) -> String {
    let entry = sh(&guest.ns, format!("ip neigh show {ip}")).await;
    entry.split("lladdr ").nth(1).expect("a known neighbour").split(' ').next().unwrap().to_owned()
}

/// Keeps a neighbour's Ethernet address, so that what is sent to it later does not depend on ARP.
async fn remember(guest: &Guest, ip: Ipv4Addr) {
    let known = neighbour(guest, ip).await;
    sh(&guest.ns, format!("ip neigh replace {ip} lladdr {known} dev eth0 nud permanent")).await;
}

/// How many frames a guest's hardware has been handed.
pub async fn received_by(guest: &Guest) -> u64 {
    sh(&guest.ns, "cat /proc/net/dev | grep eth0").await.split_whitespace().nth(2).unwrap().parse().unwrap()
}

/// An Ethernet frame with an ARP packet from `mac` that says `sender` is there and asks for or answers `target`.
pub fn arp(mac: MacAddr, operation: u8, sender: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    let mut frame = Vec::new();
    frame.extend_from_slice(&BROADCAST.0);
    frame.extend_from_slice(&mac.0);
    frame.extend_from_slice(&[0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, operation]);
    frame.extend_from_slice(&mac.0);
    frame.extend_from_slice(&sender.octets());
    frame.extend_from_slice(&[0; 6]);
    frame.extend_from_slice(&target.octets());
    frame
}
