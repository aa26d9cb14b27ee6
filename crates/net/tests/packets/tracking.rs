//! Connections that flow while rules change: those that EC2 leaves untracked are cut at once, tracked ones go on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use cumulet_model::security::{Peer, PortRange, RuleSpec, Traffic};

use crate::guest::{Guest, PATIENCE};
use crate::world::{World, all, cidr, interface, story, tcp, to_all};

/// What is cut is given so long to come through after all.
const SILENCE: Duration = Duration::from_millis(700);

fn udp(port: u16, peer: Peer) -> RuleSpec {
    RuleSpec { traffic: Traffic::Udp(PortRange { first: port, last: port }), peer }
}

/// A datagram socket of a guest that talks to an echo of another's.
async fn talk(from: &Guest, to: (IpAddr, u16)) -> UdpSocket {
    let socket = from.ns.run(move || {
        let any: SocketAddr = if to.0.is_ipv4() {
            (Ipv4Addr::UNSPECIFIED, 0).into()
        } else {
            (Ipv6Addr::UNSPECIFIED, 0).into()
        };
        let socket = UdpSocket::bind(any).unwrap();
        socket.connect(to).unwrap();
        socket
    });
    socket.await.unwrap()
}

fn is_answered(socket: &UdpSocket) -> bool {
    socket.set_read_timeout(Some(SILENCE)).unwrap();
    socket.send(b"hello").is_ok() && socket.recv(&mut [0; 16]).is_ok()
}

#[test]
fn an_untracked_connection_is_cut_when_its_rule_goes_and_a_tracked_one_goes_on() {
    let name = "an_untracked_connection_is_cut_when_its_rule_goes_and_a_tracked_one_goes_on";
    story(name, |mut world: World| async {
        let everybody = || cidr("0.0.0.0/0");
        world.group(1).ingress = vec![tcp(80, everybody()), tcp(81, cidr("172.31.0.0/16"))];
        world.group(1).ingress.extend([udp(1000, everybody()), udp(1001, cidr("172.31.0.0/16"))]);
        world.group(2);
        let (server, client) = (world.launch(5, &[1]).await, world.launch(6, &[2]).await);
        for port in [80, 81] {
            server.serve(port).await;
            server.serve_udp(port + 920).await;
        }
        let mut untracked = client.connect(server.ip, 80).await.expect("port 80");
        let mut tracked = client.connect(server.ip, 81).await.expect("port 81");
        let untracked_datagrams = talk(&client, (server.ip.into(), 1000)).await;
        let tracked_datagrams = talk(&client, (server.ip.into(), 1001)).await;
        assert!(is_answered(&untracked_datagrams) && is_answered(&tracked_datagrams));
        world.group(1).ingress.push(tcp(9, everybody()));
        world.apply().await;
        assert!(untracked.is_alive(), "another rule is no concern of it");

        world.group(1).ingress.clear();
        world.apply().await;
        assert!(untracked.has_ended(), "cut at once");
        assert!(!is_answered(&untracked_datagrams), "cut at once");
        assert!(tracked.is_alive() && is_answered(&tracked_datagrams), "they were tracked");
        assert!(client.is_refused(server.ip, 81).await, "no new one");
        world
    });
}

#[test]
fn what_another_rule_lets_through_or_was_tracked_for_want_of_open_answers_goes_on() {
    let name = "what_another_rule_lets_through_or_was_tracked_for_want_of_open_answers_goes_on";
    story(name, |mut world: World| async {
        let everybody = || cidr("0.0.0.0/0");
        world.group(1).ingress = vec![tcp(80, everybody()), tcp(80, cidr("172.31.0.6/32"))];
        world.group(2).ingress = vec![tcp(80, everybody())];
        world.group(2).egress = vec![tcp(9, everybody())];
        world.group(3);
        let (first, second) = (world.launch(5, &[1]).await, world.launch(7, &[2]).await);
        let client = world.launch(6, &[3]).await;
        first.serve(80).await;
        second.serve(80).await;
        let mut allowed_twice = client.connect(first.ip, 80).await.expect("the first");
        let mut answers_closed = client.connect(second.ip, 80).await.expect("the second");
        world.group(1).ingress.remove(0);
        world.group(2).ingress.clear();
        world.apply().await;
        assert!(allowed_twice.is_alive(), "the other rule lets it through");
        assert!(answers_closed.is_alive(), "its answers were let through by tracking alone");
        world
    });
}

#[test]
fn a_client_that_may_not_send_any_more_is_cut_off_too() {
    story("a_client_that_may_not_send_any_more_is_cut_off_too", |mut world: World| async {
        world.group(1).ingress.push(all(cidr("0.0.0.0/0")));
        world.group(2).ingress.push(all(cidr("0.0.0.0/0")));
        let (server, client) = (world.launch(5, &[1]).await, world.launch(6, &[2]).await);
        server.serve(80).await;
        let mut open = client.connect(server.ip, 80).await.expect("all is open");
        world.vpc().interfaces[1].groups = vec![crate::world::group_id(3)];
        world.group(3).egress = vec![tcp(9, cidr("0.0.0.0/0"))];
        world.apply().await;
        assert!(open.has_ended(), "its new groups let it send to another port alone");
        world
    });
}

#[test]
fn a_ping_goes_on_as_icmp_is_always_tracked() {
    story("a_ping_goes_on_as_icmp_is_always_tracked", |mut world: World| async {
        let icmp = Traffic::Icmp { icmp_type: None, code: None };
        world.group(1).ingress.push(RuleSpec { traffic: icmp, peer: cidr("0.0.0.0/0") });
        world.group(2);
        let (server, client) = (world.launch(5, &[1]).await, world.launch(6, &[2]).await);
        let to = server.ip;
        let pinging = client.ns.run(move || {
            std::process::Command::new("ping")
                .args(["-n", "-q", "-i", "0.2", "-c", "15", &to.to_string()])
                .output()
        });
        let changing = async {
            tokio::time::sleep(Duration::from_millis(800)).await;
            world.group(1).ingress.clear();
            world.apply().await;
        };
        let (pinged, ()) = tokio::join!(pinging, changing);
        let told = String::from_utf8(pinged.unwrap().unwrap().stdout).unwrap();
        assert!(told.contains("15 received"), "{told}");
        assert!(!client.pings(server.ip).await, "a new one");
        world
    });
}

/// Gives guests IPv6 addresses and routes, whatever the installation does of it.
async fn with_ipv6(world: &mut World, guests: &[(&Guest, u8)]) {
    for (guest, n) in guests {
        let tap = crate::isolation::tap(*n);
        let mac = guest.mac;
        world.in_vpc(&format!(
            "sh -c 'sysctl -q -w net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.{tap}.disable_ipv6=0 net.ipv6.conf.all.forwarding=1; \
             ip -6 addr replace fe80::1/64 dev {tap} nodad; ip -6 route replace {}/128 dev {tap}; \
             ip -6 neigh replace {} lladdr {mac} dev {tap} nud permanent'",
            address6(*n), address6(*n)
        ));
        crate::world::sh(
            &guest.ns,
            format!(
                "ip -6 addr replace {}/128 dev eth0 nodad; ip -6 route replace default via fe80::1 dev eth0",
                address6(*n)
            ),
        )
        .await;
    }
}

fn address6(n: u8) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0xc0de, 0, 0x100, 0, 0, 0, n.into())
}

/// Boots a guest with an IPv6 address.
async fn launch6(world: &mut World, n: u8, groups: &[u8]) -> Guest {
    let mut spec = interface(n, groups);
    spec.ipv6 = vec![address6(n)];
    world.vpc().interfaces.push(spec.clone());
    world.apply().await;
    world.boot(0, &spec).await
}

async fn connect6(from: &Guest, to: Ipv6Addr, port: u16, patience: Duration) -> Option<TcpStream> {
    let connecting = from.ns.run(move || TcpStream::connect_timeout(&(to, port).into(), patience).ok());
    connecting.await.unwrap()
}

#[test]
fn groups_hold_over_ipv6_and_cut_what_is_untracked_there() {
    story("groups_hold_over_ipv6_and_cut_what_is_untracked_there", |mut world: World| async {
        let everybody = || Peer::Cidr6("::/0".parse().unwrap());
        world.vpc().ipv6_cidrs = vec!["fd00:c0de:0:100::/56".parse().unwrap()];
        world.vpc().subnets[0].ipv6_cidr = Some("fd00:c0de:0:100::/64".parse().unwrap());
        world.group(1).ingress = vec![tcp(80, everybody()), tcp(81, crate::world::members(2))];
        for n in [1, 2] {
            world.group(n).egress = vec![to_all(), RuleSpec { traffic: Traffic::All, peer: everybody() }];
        }
        let (server, client) = (launch6(&mut world, 5, &[1]).await, launch6(&mut world, 6, &[2]).await);
        with_ipv6(&mut world, &[(&server, 5), (&client, 6)]).await;
        for port in [80, 81, 82] {
            let listener = server
                .ns
                .run(move || TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)))
                .await
                .unwrap()
                .unwrap();
            std::thread::spawn(move || {
                while let Ok((stream, _)) = listener.accept() {
                    std::thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
                }
            });
        }
        let mut untracked = connect6(&client, address6(5), 80, PATIENCE).await.expect("everybody");
        let mut tracked = connect6(&client, address6(5), 81, PATIENCE).await.expect("members");
        assert!(connect6(&client, address6(5), 82, SILENCE).await.is_none(), "nobody");
        assert!(!client.pings(address6(5)).await, "no rule for pings");
        assert!(echoes(&mut untracked) && echoes(&mut tracked));
        world.group(1).ingress.clear();
        let icmp = Traffic::Icmpv6 { icmp_type: Some(128), code: None };
        world.group(1).ingress.push(RuleSpec { traffic: icmp, peer: everybody() });
        world.apply().await;
        with_ipv6(&mut world, &[(&server, 5), (&client, 6)]).await;
        assert!(!echoes(&mut untracked), "cut at once");
        assert!(echoes(&mut tracked), "it was tracked");
        assert!(client.pings(address6(5)).await, "pings alone");
        world
    });
}

fn echoes(stream: &mut TcpStream) -> bool {
    use std::io::{Read, Write};
    stream.set_read_timeout(Some(SILENCE)).unwrap();
    stream.write_all(b"x").is_ok() && stream.read_exact(&mut [0]).is_ok()
}
