//! What a guest is told and can ask: DHCP, DNS, metadata, the router.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};

use cumulet_net::dns::zone::addresses;
use cumulet_net::sys::NetNs;
use cumulet_ports::network::{DhcpSpec, DnsSpec, Network};
use dhcproto::v4::{DhcpOption, MessageType};
use hickory_proto::op::{Message, MessageType as Kind, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{Name, RData, Record, RecordType};

use crate::dhcp_client;
use crate::guest::{Guest, PATIENCE};
use crate::world::{World, story};

const DNS: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 2);

#[test]
fn dhcp_gives_a_guest_its_own_address_and_options() {
    story("dhcp_gives_a_guest_its_own_address_and_options", |mut world: World| async {
        world.group(1);
        let guest = world.launch(5, &[1]).await;
        let mac = guest.mac;
        let told = guest.ns.run(move || dhcp_client::ask(mac)).await.unwrap().unwrap();
        assert_eq!(told.address, Ipv4Addr::new(172, 31, 0, 5));
        assert_eq!((told.prefix, told.router), (20, Ipv4Addr::new(172, 31, 0, 1)));
        assert_eq!((told.dns, told.mtu), (DNS, 1500));
        assert_eq!((told.host_name.as_str(), told.domain.as_str()), ("ip-172-31-0-5", "ec2.internal"));
        assert!(guest.pings(told.router).await, "the router answers pings");
        world
    });
}

#[test]
fn a_guest_renews_its_address_by_asking_the_router_alone() {
    story("a_guest_renews_its_address_by_asking_the_router_alone", |mut world: World| async {
        world.group(1);
        let guest = world.launch(5, &[1]).await;
        let (mac, ip) = (guest.mac, guest.ip);
        let answer = guest.ns.run(move || {
            let socket = dhcp_client::bind(ip);
            dhcp_client::renew(&socket, mac, ip, Ipv4Addr::new(172, 31, 0, 1))
        });
        let answer = answer.await.unwrap().expect("an answer to the address that the client listens on");
        assert_eq!((answer.opts().msg_type(), answer.yiaddr()), (Some(MessageType::Ack), ip));
        world
    });
}

#[test]
fn a_guest_cannot_take_another_address_by_dhcp() {
    story("a_guest_cannot_take_another_address_by_dhcp", |mut world: World| async {
        world.group(1);
        let guest = world.launch(5, &[1]).await;
        let _neighbour = world.launch(6, &[1]).await;
        let mac = guest.mac;
        let answer = guest.ns.run(move || {
            let socket = dhcp_client::bind_without_address();
            let wish = [DhcpOption::RequestedIpAddress(Ipv4Addr::new(172, 31, 0, 6))];
            dhcp_client::exchange(&socket, mac, MessageType::Request, &wish)
        });
        let answer = answer.await.unwrap().expect("an answer");
        assert_eq!(answer.opts().msg_type(), Some(MessageType::Nak));
        world
    });
}

#[test]
fn names_of_the_vpc_are_known_and_others_are_asked_of_the_hosts_name_server() {
    let name = "names_of_the_vpc_are_known_and_others_are_asked_of_the_hosts_name_server";
    story(name, |mut world: World| async {
        let stub = name_server();
        world.reconfigure(|config| config.resolvers = Some(vec![stub]));
        world.group(1);
        let guest = world.launch_public(5, Some("198.18.0.9"), &[1]).await;
        for server in [DNS, Ipv4Addr::new(169, 254, 169, 253)] {
            for over_tcp in [false, true] {
                let answer = ask(&guest, server, over_tcp, "ip-172-31-0-5.ec2.internal.").await;
                assert_eq!(addresses(&answer), [guest.ip], "{server}, TCP {over_tcp}");
            }
        }
        let answer = ask(&guest, DNS, false, "ec2-198-18-0-9.compute-1.amazonaws.com.").await;
        assert_eq!(addresses(&answer), [guest.ip], "a public name leads to the private address inside");
        let answer = ask(&guest, DNS, false, "nobody.ec2.internal.").await;
        assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain);
        let answer = ask(&guest, DNS, false, "www.example.com.").await;
        assert_eq!(addresses(&answer), [Ipv4Addr::new(192, 0, 2, 80)], "forwarded");
        world
    });
}

#[test]
fn a_vpcs_options_set_and_dns_attributes_are_changed_for_guests_that_run() {
    let name = "a_vpcs_options_set_and_dns_attributes_are_changed_for_guests_that_run";
    story(name, |mut world: World| async {
        world.group(1);
        let guest = world.launch_public(5, Some("198.18.0.9"), &[1]).await;
        let vpc = world.vpc();
        vpc.dhcp = DhcpSpec {
            domain_name: Some("lab.example".into()),
            domain_name_servers: vec![Some("192.0.2.53".parse().unwrap())],
            ..DhcpSpec::default()
        };
        vpc.dns = DnsSpec { support: false, hostnames: true };
        world.apply().await;
        let mac = guest.mac;
        let told = guest.ns.run(move || dhcp_client::ask(mac)).await.unwrap().unwrap();
        assert_eq!((told.domain.as_str(), told.dns), ("lab.example", Ipv4Addr::new(192, 0, 2, 53)));
        let answer = ask(&guest, DNS, false, "ip-172-31-0-5.ec2.internal.").await;
        assert_eq!(answer.metadata.response_code, ResponseCode::Refused);
        world
    });
}

#[test]
fn the_host_resolves_public_names_and_no_private_ones() {
    story("the_host_resolves_public_names_and_no_private_ones", |mut world: World| async {
        world.group(1);
        let guest = world.launch_public(5, Some("198.18.0.9"), &[1]).await;
        let stub = Ipv4Addr::new(198, 18, 0, 1);
        for over_tcp in [false, true] {
            let asked = ask_from(&world.host, stub, over_tcp, "ec2-198-18-0-9.compute-1.amazonaws.com.");
            assert_eq!(addresses(&asked.await), [Ipv4Addr::new(198, 18, 0, 9)], "TCP {over_tcp}");
        }
        for name in ["ip-172-31-0-5.ec2.internal.", "www.example.com."] {
            let answer = ask_from(&world.host, stub, false, name).await;
            assert_eq!(answer.metadata.response_code, ResponseCode::Refused, "{name}");
        }
        world.vpc().interfaces[0].public_ip = None;
        world.apply().await;
        let gone = ask_from(&world.host, stub, false, "ec2-198-18-0-9.compute-1.amazonaws.com.").await;
        assert_eq!(gone.metadata.response_code, ResponseCode::NXDomain);
        drop(guest);
        world
    });
}

#[test]
fn the_metadata_service_sees_who_asks() {
    story("the_metadata_service_sees_who_asks", |mut world: World| async {
        world.group(1).egress.clear();
        let guest = world.launch(5, &[1]).await;
        let vpc = world.spec.vpcs[0].id.clone();
        let listener = world.net.metadata_listener(&vpc).await.unwrap();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let asking = guest.ns.run(|| {
            let address = SocketAddr::from(([169, 254, 169, 254], 80));
            let mut stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            text
        });
        let serving = async {
            let (mut stream, from) = listener.accept().await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut stream, from.ip().to_canonical().to_string().as_bytes())
                .await
                .unwrap();
            drop(stream);
        };
        let (text, ()) = tokio::join!(asking, serving);
        assert_eq!(text.unwrap(), "172.31.0.5", "groups don't stand before the metadata service");
        world
    });
}

async fn ask(guest: &Guest, server: Ipv4Addr, over_tcp: bool, name: &str) -> Message {
    ask_from(&guest.ns, server, over_tcp, name).await
}

async fn ask_from(asker: &NetNs, server: Ipv4Addr, over_tcp: bool, name: &str) -> Message {
    let mut question = Message::new(77, Kind::Query, OpCode::Query);
    question.metadata.recursion_desired = true;
    question.add_query(Query::query(Name::from_ascii(name).unwrap(), RecordType::A));
    let bytes = question.to_vec().unwrap();
    let answer = asker.run(move || if over_tcp { tcp(server, &bytes) } else { udp(server, &bytes) });
    Message::from_vec(&answer.await.unwrap()).unwrap()
}

fn udp(server: Ipv4Addr, question: &[u8]) -> Vec<u8> {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.send_to(question, (server, 53)).unwrap();
    let mut buffer = vec![0; 1500];
    let (length, from) = socket.recv_from(&mut buffer).expect("an answer");
    assert_eq!(from.ip(), server, "the answer comes from whom was asked");
    buffer.truncate(length);
    buffer
}

fn tcp(server: Ipv4Addr, question: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect_timeout(&(server, 53).into(), PATIENCE).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&u16::try_from(question.len()).unwrap().to_be_bytes()).unwrap();
    stream.write_all(question).unwrap();
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut answer = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut answer).unwrap();
    answer
}

/// A name server on the host's loopback that knows one address for all names.
fn name_server() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let mut message = Message::from_vec(&buffer[..length]).unwrap();
            message.metadata.message_type = Kind::Response;
            let name = message.queries[0].name().clone();
            message.add_answer(Record::from_rdata(name, 60, RData::A(A(Ipv4Addr::new(192, 0, 2, 80)))));
            socket.send_to(&message.to_vec().unwrap(), from).unwrap();
        }
    });
    address
}
