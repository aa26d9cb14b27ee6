//! What comes in by a tap, frame by frame: fragments, tags, protocols and ARP that the firewall does not see.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use cumulet_model::MacAddr;

use crate::guest::{Guest, PATIENCE};
use crate::isolation::{arp, neighbour, received_by, tap};
use crate::world::{World, all, cidr, story};

/// Three guests that let everything in; the third one knows the way to the router's Ethernet address.
async fn three(world: &mut World) -> [Guest; 3] {
    world.group(1).ingress.push(all(cidr("0.0.0.0/0")));
    [world.launch(5, &[1]).await, world.launch(6, &[1]).await, world.launch(7, &[1]).await]
}

/// Ethernet address of the VPC's end of a guest's link.
async fn router_of(guest: &Guest, other: &Guest) -> MacAddr {
    assert!(guest.pings(other.ip).await);
    neighbour(guest, other.ip).await.parse().unwrap()
}

#[test]
fn a_guest_cannot_put_a_fragment_into_a_neighbours_datagram() {
    story("a_guest_cannot_put_a_fragment_into_a_neighbours_datagram", |mut world: World| async {
        let [liar, sender, receiver] = three(&mut world).await;
        let (liars_router, senders_router) =
            (router_of(&liar, &receiver).await, router_of(&sender, &receiver).await);
        let ip = receiver.ip;
        let socket = receiver.ns.run(move || UdpSocket::bind((ip, 1000))).await.unwrap().unwrap();
        let receives = |patience: Duration| {
            socket.set_read_timeout(Some(patience)).unwrap();
            let mut buffer = [0; 100];
            socket.recv(&mut buffer).ok().map(|length| buffer[length - 1])
        };
        let fragment = |mac: MacAddr, router: MacAddr, id: u8, last: bool, fill: u8| {
            ethernet(router, mac, 0x0800, &half_a_datagram(sender.ip, ip, id, last, fill))
        };
        liar.send_frame(&fragment(liar.mac, liars_router, 1, true, b'L'));
        sender.send_frame(&fragment(sender.mac, senders_router, 1, false, b'S'));
        assert_eq!(receives(Duration::from_millis(700)), None, "the end is another's");
        sender.send_frame(&fragment(sender.mac, senders_router, 1, true, b'S'));
        assert_eq!(receives(PATIENCE), Some(b'S'), "its own end completes it");
        world
    });
}

#[test]
fn a_guest_that_forwards_speaks_for_itself_alone_by_arp() {
    story("a_guest_that_forwards_speaks_for_itself_alone_by_arp", |mut world: World| async {
        let [guest, other, _] = three(&mut world).await;
        world.vpc().interfaces[0].source_dest_check = false;
        world.apply().await;
        for n in 1..100 {
            let claimed = Ipv4Addr::new(10, 1, 1, n);
            guest.send_frame(&arp(guest.mac, 1, claimed, other.ip));
            guest.send_frame(&arp(guest.mac, 2, claimed, other.ip));
        }
        assert!(guest.pings(other.ip).await, "what was sent before has been handled");
        let neighbours = world.in_vpc("ip -4 neigh show");
        assert_eq!(neighbours.matches("10.1.1.").count(), 0, "no room is taken: {neighbours}");
        world
    });
}

#[test]
fn tagged_frames_and_other_protocols_stay_out() {
    story("tagged_frames_and_other_protocols_stay_out", |mut world: World| async {
        let [guest, other, _] = three(&mut world).await;
        let router = router_of(&guest, &other).await;
        let packet = half_a_datagram(guest.ip, other.ip, 9, true, b'x');
        let whole = |kind: u16, packet: &[u8]| ethernet(router, guest.mac, kind, packet);
        let before = received_by(&other).await;
        for tag in [0u16, 1, 4094] {
            let tagged = [&tag.to_be_bytes(), [0x08, 0x00].as_slice(), &packet].concat();
            guest.send_frame(&whole(0x8100, &tagged));
            guest.send_frame(&whole(0x88a8, &tagged));
        }
        for kind in [0x86dd, 0x8035, 0x88cc, 0x0806, 0x0800] {
            guest.send_frame(&whole(kind, &[0x60; 40]));
            guest.send_frame(&whole(kind, &[]));
        }
        assert_eq!(received_by(&other).await, before);
        assert!(guest.pings(other.ip).await, "and nobody minds");
        world
    });
}

#[test]
fn ipv6_stays_out_even_where_somebody_turned_it_on() {
    story("ipv6_stays_out_even_where_somebody_turned_it_on", |mut world: World| async {
        let [guest, ..] = three(&mut world).await;
        let turn_on = || {
            for scope in ["all", "default", &tap(5)] {
                world.in_vpc(&format!("sysctl -q -w net.ipv6.conf.{scope}.disable_ipv6=0"));
            }
            world.in_vpc(&format!("sysctl -q -w net.ipv6.conf.{}.accept_dad=0", tap(5)));
            // The router's own address on the link, which its Ethernet address tells.
            let shown = world.in_vpc(&format!("ip -6 -o addr show dev {} scope link", tap(5)));
            shown.split_whitespace().nth(3).expect("an address").split('/').next().unwrap().to_owned()
        };
        let answers = async |address: &str, seconds: u8| {
            let line = format!("ping -6 -n -c 1 -W 1 -w {seconds} {address}%eth0");
            guest.ns.run(move || crate::world::sh_succeeds(&line)).await.unwrap()
        };
        let address = turn_on();
        world.in_vpc(&format!("tc qdisc del dev {} ingress", tap(5)));
        assert!(answers(&address, 15).await, "without a door");
        world.apply().await;
        assert_eq!(turn_on(), address);
        assert!(!answers(&address, 2).await, "with a door");
        world.apply().await;
        assert!(world.in_vpc("ip -6 addr").is_empty(), "turned off again");
        world
    });
}

#[test]
fn a_door_that_somebody_took_away_is_put_back() {
    story("a_door_that_somebody_took_away_is_put_back", |mut world: World| async {
        let [guest, other, _] = three(&mut world).await;
        for damage in ["qdisc del dev TAP ingress", "filter del dev TAP ingress"] {
            world.in_vpc(&format!("tc {}", damage.replace("TAP", &tap(5))));
            let changes = world.apply().await;
            assert!(changes.iter().any(|change| change.contains("door")), "{damage}: {changes:?}");
            assert_eq!(world.apply().await, Vec::<String>::new());
        }
        assert!(guest.pings(other.ip).await);
        world
    });
}

fn ethernet(to: MacAddr, from: MacAddr, kind: u16, rest: &[u8]) -> Vec<u8> {
    [&to.0, from.0.as_slice(), &kind.to_be_bytes(), rest].concat()
}

/// The first or the second half of a UDP datagram to port 1000, as a fragment.
fn half_a_datagram(from: Ipv4Addr, to: Ipv4Addr, id: u8, last: bool, fill: u8) -> Vec<u8> {
    const HALF: usize = 32;
    let payload = if last {
        vec![fill; HALF]
    } else {
        [&[0x10, 0, 0x03, 0xe8, 0, 2 * HALF as u8, 0, 0], [fill; HALF - 8].as_slice()].concat()
    };
    let place = if last { [0, HALF as u8 / 8] } else { [0x20, 0] };
    let mut packet = vec![0x45, 0, 0, 20 + HALF as u8, 0, id, place[0], place[1], 64, 17, 0, 0];
    packet.extend(from.octets());
    packet.extend(to.octets());
    let sum: u32 = packet.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend(payload);
    packet
}
