//! A DHCP client on `eth0` of the calling thread's namespace, with real sockets.

use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

use crate::guest::PATIENCE;
use cumulet_model::MacAddr;
use dhcproto::v4::{DhcpOption, Flags, Message, MessageType, OptionCode};
use dhcproto::{Decodable, Decoder, Encodable};
use nix::sys::socket::{setsockopt, sockopt};

/// What the client was told.
#[derive(Debug)]
pub struct Told {
    /// Own address.
    pub address: Ipv4Addr,
    /// Length of the subnet's prefix.
    pub prefix: u32,
    /// Router.
    pub router: Ipv4Addr,
    /// DNS server.
    pub dns: Ipv4Addr,
    /// Host name.
    pub host_name: String,
    /// Domain.
    pub domain: String,
    /// MTU.
    pub mtu: u16,
}

/// The client's socket. The one before it may live on for a moment in a child process of another test that has not
/// begun its program yet.
pub fn bind(ip: Ipv4Addr) -> UdpSocket {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        match UdpSocket::bind(SocketAddrV4::new(ip, 68)) {
            Ok(socket) => return socket,
            Err(error) => assert!(Instant::now() < end, "bind the client's port: {error}"),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A socket of a client that has no address yet.
pub fn bind_without_address() -> UdpSocket {
    let socket = bind(Ipv4Addr::UNSPECIFIED);
    socket.set_broadcast(true).unwrap();
    setsockopt(&socket, sockopt::BindToDevice, &"eth0".into()).unwrap();
    socket
}

/// Goes through discover, offer, request and acknowledgement; `None` if nobody answers.
pub fn ask(mac: MacAddr) -> Option<Told> {
    let socket = bind_without_address();
    let offer = exchange(&socket, mac, MessageType::Discover, &[])?;
    assert_eq!(offer.opts().msg_type(), Some(MessageType::Offer));
    let Some(DhcpOption::ServerIdentifier(server)) = offer.opts().get(OptionCode::ServerIdentifier) else {
        panic!("an offer without a server");
    };
    let wishes = [DhcpOption::RequestedIpAddress(offer.yiaddr()), DhcpOption::ServerIdentifier(*server)];
    let ack = exchange(&socket, mac, MessageType::Request, &wishes)?;
    assert_eq!(ack.opts().msg_type(), Some(MessageType::Ack));
    Some(told(&ack))
}

/// Broadcasts one message and waits for its answer.
pub fn exchange(
    socket: &UdpSocket,
    mac: MacAddr,
    kind: MessageType,
    options: &[DhcpOption],
) -> Option<Message> {
    let mut message = message(mac, kind);
    message.set_flags(Flags::default().set_broadcast());
    for option in options {
        message.opts_mut().insert(option.clone());
    }
    exchange_with(socket, &message, Ipv4Addr::BROADCAST)
}

/// Asks a server to renew an address.
pub fn renew(socket: &UdpSocket, mac: MacAddr, ip: Ipv4Addr, server: Ipv4Addr) -> Option<Message> {
    let mut message = message(mac, MessageType::Request);
    message.set_ciaddr(ip);
    exchange_with(socket, &message, server)
}

fn message(mac: MacAddr, kind: MessageType) -> Message {
    let mut message = Message::default();
    message.set_chaddr(&mac.0);
    message.opts_mut().insert(DhcpOption::MessageType(kind));
    message
}

/// Sends a message, a few times, until its answer comes.
fn exchange_with(socket: &UdpSocket, message: &Message, to: Ipv4Addr) -> Option<Message> {
    let bytes = message.to_vec().unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        socket.send_to(&bytes, SocketAddrV4::new(to, 67)).ok()?;
        let mut buffer = [0; 1500];
        while let Ok(length) = socket.recv(&mut buffer) {
            let answer = Message::decode(&mut Decoder::new(&buffer[..length])).unwrap();
            if answer.xid() == message.xid() {
                return Some(answer);
            }
        }
    }
    None
}

fn told(ack: &Message) -> Told {
    let get = |code| ack.opts().get(code).unwrap_or_else(|| panic!("no {code:?}")).clone();
    let DhcpOption::SubnetMask(mask) = get(OptionCode::SubnetMask) else { panic!() };
    let DhcpOption::Router(routers) = get(OptionCode::Router) else { panic!() };
    let DhcpOption::DomainNameServer(dns) = get(OptionCode::DomainNameServer) else { panic!() };
    let DhcpOption::Hostname(host_name) = get(OptionCode::Hostname) else { panic!() };
    let DhcpOption::DomainName(domain) = get(OptionCode::DomainName) else { panic!() };
    let DhcpOption::InterfaceMtu(mtu) = get(OptionCode::InterfaceMtu) else { panic!() };
    Told {
        address: ack.yiaddr(),
        prefix: u32::from(mask).count_ones(),
        router: routers[0],
        dns: dns[0],
        host_name,
        domain,
        mtu,
    }
}
