//! Guests that flood: their neighbours don't notice.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::time::Duration;

use cumulet_model::MacAddr;
use cumulet_net::family::Family;
use cumulet_net::firewall::forward::MOST_CONNECTIONS;
use cumulet_net::names;

use crate::guest::Guest;
use crate::isolation::{arp, neighbour};
use crate::world::{World, all, cidr, group_id, members, story};

/// A hostile guest and two that talk to each other.
async fn three(world: &mut World) -> (Guest, Guest, Guest) {
    world.group(1).ingress.push(all(cidr("0.0.0.0/0")));
    (world.launch(5, &[1]).await, world.launch(6, &[1]).await, world.launch(7, &[1]).await)
}

/// How many of `count` datagrams come back from a neighbour's echo, one each few milliseconds.
async fn answered(from: &Guest, to: IpAddr, count: usize) -> usize {
    let answered = from.ns.run(move || {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
        socket.connect((to, 1000)).unwrap();
        let mut answered = 0;
        for _ in 0..count {
            socket.send(b"hello").unwrap();
            answered += usize::from(socket.recv(&mut [0; 16]).is_ok());
            std::thread::sleep(Duration::from_millis(4));
        }
        answered
    });
    answered.await.unwrap()
}

/// A UDP datagram from a port, with its checksum left out, or what is said to be one.
fn datagram(guest: &Guest, router: MacAddr, to: Ipv4Addr, port: u16, claimed: usize) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0];
    packet[2..4].copy_from_slice(&(claimed as u16).to_be_bytes());
    packet.extend(guest.ip.octets());
    packet.extend(to.octets());
    let sum: u32 = packet.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend(port.to_be_bytes());
    packet.extend([0, 9, 0, 12, 0, 0, 1, 2, 3, 4]);
    [&router.0, guest.mac.0.as_slice(), &[0x08, 0x00], &packet].concat()
}

#[test]
fn a_guest_has_so_many_connections_and_no_more_of_the_table_that_all_share() {
    story(
        "a_guest_has_so_many_connections_and_no_more_of_the_table_that_all_share",
        |mut world: World| async {
            let (liar, a, b) = three(&mut world).await;
            b.serve_udp(1000).await;
            assert!(liar.pings(b.ip).await);
            let router = neighbour(&liar, b.ip).await.parse().unwrap();
            let more = MOST_CONNECTIONS as usize + 8000;
            let flooding = async {
                for n in 0..more {
                    let to = if n < 40_000 { b.ip } else { a.ip };
                    liar.send_frame(&datagram(&liar, router, to, (1024 + n % 40_000) as u16, 32));
                    if n % 500 == 0 {
                        tokio::time::sleep(Duration::from_millis(2)).await;
                    }
                }
            };
            let (answered, ()) = tokio::join!(answered(&a, b.ip.into(), 200), flooding);
            assert_eq!(answered, 200, "the neighbours don't notice");
            let counted = world.in_vpc("conntrack -C 2>/dev/null");
            let count: usize = counted.trim().parse().unwrap();
            assert!(count <= MOST_CONNECTIONS as usize + 100, "{count} of {more}");
            assert!(count > MOST_CONNECTIONS as usize / 2, "the flood came as far: {count}");
            world
        },
    );
}

#[test]
fn arp_storms_and_packets_that_lie_about_their_length_trouble_nobody_else() {
    story(
        "arp_storms_and_packets_that_lie_about_their_length_trouble_nobody_else",
        |mut world: World| async {
            let (liar, a, b) = three(&mut world).await;
            b.serve_udp(1000).await;
            assert!(liar.pings(b.ip).await);
            let router: MacAddr = neighbour(&liar, b.ip).await.parse().unwrap();
            let storming = async {
                for n in 0..4000u16 {
                    let [high, low] = n.to_be_bytes();
                    liar.send_frame(&arp(liar.mac, 1, liar.ip, Ipv4Addr::new(172, 31, high, low)));
                    liar.send_frame(&arp(liar.mac, 2, Ipv4Addr::new(172, 31, high, low), b.ip));
                    // Shorter and longer than it says, and cut anywhere.
                    for claimed in [0, 19, 28, 40, 1500, 65_535] {
                        let whole = datagram(&liar, router, b.ip, n, claimed);
                        liar.send_frame(&whole[..whole.len() - usize::from(n) % 30]);
                    }
                    if n % 50 == 0 {
                        tokio::time::sleep(Duration::from_millis(2)).await;
                    }
                }
            };
            let (answered, ()) = tokio::join!(answered(&a, b.ip.into(), 100), storming);
            assert_eq!(answered, 100);
            assert!(liar.pings(b.ip).await && a.pings(b.ip).await, "all are well");
            let neighbours = world.in_vpc("ip -4 neigh show");
            assert!(neighbours.lines().count() < 20, "no room is taken: {neighbours}");
            world
        },
    );
}

#[test]
fn a_set_that_somebody_filled_up_is_emptied_and_takes_members() {
    story("a_set_that_somebody_filled_up_is_emptied_and_takes_members", |mut world: World| async {
        world.group(1).ingress.push(all(members(1)));
        let server = world.launch(5, &[1]).await;
        server.serve(80).await;
        let set = names::member_set(&group_id(1), Family::V4);
        let file = tempfile::NamedTempFile::new().unwrap();
        let full: String = (0..(1u32 << 18) - 1)
            .map(|n| format!("add {set} {}\n", Ipv4Addr::from(u32::from(Ipv4Addr::new(11, 0, 0, 0)) + n)))
            .collect();
        std::fs::write(file.path(), full).unwrap();
        world.in_vpc(&format!("ipset restore -f {}", file.path().display()));
        let client = world.launch(6, &[1]).await;
        assert!(client.connect(server.ip, 80).await.is_some(), "a new member all the same");
        world.apply().await;
        assert_eq!(
            world.in_vpc(&format!("ipset list {set}")).matches("\n11.").count(),
            0,
            "none of the others"
        );
        world
    });
}
