//! What a DHCP client is answered.

use std::net::{IpAddr, Ipv4Addr};

use cumulet_model::MacAddr;
use cumulet_ports::network::DhcpSpec;
use dhcproto::v4::{DhcpOption, DhcpOptions, Message, MessageType, NodeType, Opcode, OptionCode};
use ipnet::Ipv4Net;

/// How long an address is good without renewal: a day, so that guests keep theirs while the daemon is away.
const LEASE_SECONDS: u32 = 86_400;
/// When a client should renew: hourly, so that changed options get around.
const RENEWAL_SECONDS: u32 = 3_600;
/// When a client that could not renew asks everybody.
const REBINDING_SECONDS: u32 = 75_600;

/// What the client of one tap is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Its Ethernet address.
    pub mac: MacAddr,
    /// Its address.
    pub address: Ipv4Addr,
    /// Its subnet.
    pub subnet: Ipv4Net,
    /// The subnet's router, who also answers DHCP.
    pub router: Ipv4Addr,
    /// Options that are the same for all of a VPC.
    pub options: Options,
    /// Host name without the domain.
    pub host_name: String,
    /// MTU in bytes.
    pub mtu: u16,
}

/// What a VPC's DHCP options set says to clients of IPv4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Domain, in which names without dots are looked up.
    pub domain: String,
    /// DNS servers in order.
    pub dns: Vec<Ipv4Addr>,
    /// Time servers in order.
    pub ntp: Vec<Ipv4Addr>,
    /// NetBIOS name servers in order.
    pub netbios: Vec<Ipv4Addr>,
    /// NetBIOS node type (RFC 2132, 8.7).
    pub netbios_node_type: Option<u8>,
}

impl Options {
    /// The options of a VPC whose own DNS server and domain are these.
    pub fn of(spec: &DhcpSpec, own_dns: Ipv4Addr, own_domain: &str) -> Self {
        let own = |server: &Option<IpAddr>| server.unwrap_or(own_dns.into());
        let of_ipv4 = |server: IpAddr| match server {
            IpAddr::V4(server) => Some(server),
            IpAddr::V6(_) => None,
        };
        Self {
            domain: spec.domain_name.clone().unwrap_or_else(|| own_domain.to_owned()),
            dns: spec.domain_name_servers.iter().map(own).filter_map(of_ipv4).collect(),
            ntp: spec.ntp_servers.iter().copied().filter_map(of_ipv4).collect(),
            netbios: spec.netbios_name_servers.clone(),
            netbios_node_type: spec.netbios_node_type,
        }
    }
}

/// The answer to a client's message; `None` where the RFC wants none: no request, another's Ethernet address, a request
/// to another server, a release.
pub fn reply(request: &Message, lease: &Lease) -> Option<Message> {
    // The length comes first: it is the sender's word, and `chaddr` trusts it.
    let own = request.hlen() == 6 && request.chaddr() == lease.mac.0;
    if request.opcode() != Opcode::BootRequest || !own {
        return None;
    }
    let options = request.opts();
    let for_us = match options.get(OptionCode::ServerIdentifier) {
        Some(DhcpOption::ServerIdentifier(server)) => *server == lease.router,
        _ => true,
    };
    match options.msg_type()? {
        MessageType::Discover if options.contains(OptionCode::RapidCommit) => {
            let mut ack = granted(request, lease, MessageType::Ack);
            ack.opts_mut().insert(DhcpOption::RapidCommit);
            Some(ack)
        }
        MessageType::Discover => Some(granted(request, lease, MessageType::Offer)),
        MessageType::Request if !for_us => None,
        MessageType::Request if wanted(request) == Some(lease.address) => {
            Some(granted(request, lease, MessageType::Ack))
        }
        MessageType::Request => Some(refused(request, lease)),
        MessageType::Inform => Some(informed(request, lease)),
        // A client that finds its address in use is told the same again: there is no other for it.
        _ => None,
    }
}

/// The address that a client asks for: the one it was offered or had before it restarted, else the one it has.
fn wanted(request: &Message) -> Option<Ipv4Addr> {
    match request.opts().get(OptionCode::RequestedIpAddress) {
        Some(DhcpOption::RequestedIpAddress(address)) => Some(*address),
        _ if !request.ciaddr().is_unspecified() => Some(request.ciaddr()),
        _ => None,
    }
}

fn answer(request: &Message, lease: &Lease, kind: MessageType) -> Message {
    let mut message = Message::default();
    message
        .set_opcode(Opcode::BootReply)
        .set_xid(request.xid())
        .set_flags(request.flags())
        .set_chaddr(&lease.mac.0);
    message.opts_mut().insert(DhcpOption::MessageType(kind));
    message.opts_mut().insert(DhcpOption::ServerIdentifier(lease.router));
    message
}

fn granted(request: &Message, lease: &Lease, kind: MessageType) -> Message {
    let mut message = answer(request, lease, kind);
    message.set_yiaddr(lease.address).set_siaddr(lease.router).set_ciaddr(request.ciaddr());
    let options = message.opts_mut();
    options.insert(DhcpOption::AddressLeaseTime(LEASE_SECONDS));
    options.insert(DhcpOption::Renewal(RENEWAL_SECONDS));
    options.insert(DhcpOption::Rebinding(REBINDING_SECONDS));
    configuration(options, lease);
    message
}

fn informed(request: &Message, lease: &Lease) -> Message {
    let mut message = answer(request, lease, MessageType::Ack);
    message.set_ciaddr(request.ciaddr());
    configuration(message.opts_mut(), lease);
    message
}

fn refused(request: &Message, lease: &Lease) -> Message {
    let mut message = answer(request, lease, MessageType::Nak);
    message.opts_mut().insert(DhcpOption::Message(format!("the address here is {}", lease.address)));
    message
}

fn configuration(options: &mut DhcpOptions, lease: &Lease) {
    options.insert(DhcpOption::SubnetMask(lease.subnet.netmask()));
    options.insert(DhcpOption::BroadcastAddr(lease.subnet.broadcast()));
    options.insert(DhcpOption::Router(vec![lease.router]));
    options.insert(DhcpOption::Hostname(lease.host_name.clone()));
    options.insert(DhcpOption::DomainName(lease.options.domain.clone()));
    options.insert(DhcpOption::InterfaceMtu(lease.mtu));
    // An option without a value would be malformed.
    let lists = [
        DhcpOption::DomainNameServer(lease.options.dns.clone()),
        DhcpOption::NtpServers(lease.options.ntp.clone()),
        DhcpOption::NetBiosNameServers(lease.options.netbios.clone()),
    ];
    let lengths = [&lease.options.dns, &lease.options.ntp, &lease.options.netbios].map(Vec::len);
    for (list, _) in lists.into_iter().zip(lengths).filter(|(_, length)| *length > 0) {
        options.insert(list);
    }
    if let Some(kind) = lease.options.netbios_node_type {
        options.insert(DhcpOption::NetBiosNodeType(NodeType::from(kind)));
    }
}

#[cfg(test)]
mod tests {
    use dhcproto::Encodable;
    use proptest::prelude::*;

    use super::*;
    use crate::dhcp::request::parse;

    fn lease() -> Lease {
        Lease {
            mac: MacAddr([2, 0, 0, 0, 0, 5]),
            address: Ipv4Addr::new(172, 31, 0, 5),
            subnet: "172.31.0.0/20".parse().unwrap(),
            router: Ipv4Addr::new(172, 31, 0, 1),
            options: Options::of(&DhcpSpec::default(), Ipv4Addr::new(172, 31, 0, 2), "ec2.internal"),
            host_name: "ip-172-31-0-5".into(),
            mtu: 1500,
        }
    }

    fn request(kind: MessageType) -> Message {
        let mut message = Message::default();
        message.set_chaddr(&lease().mac.0).set_xid(7);
        message.opts_mut().insert(DhcpOption::MessageType(kind));
        message
    }

    fn kind_of(reply: &Message) -> MessageType {
        reply.opts().msg_type().unwrap()
    }

    #[test]
    fn a_client_is_offered_its_address_and_gets_it() {
        let offer = reply(&request(MessageType::Discover), &lease()).unwrap();
        assert_eq!((kind_of(&offer), offer.yiaddr(), offer.xid()), (MessageType::Offer, lease().address, 7));
        let mut wish = request(MessageType::Request);
        wish.opts_mut().insert(DhcpOption::RequestedIpAddress(offer.yiaddr()));
        wish.opts_mut().insert(DhcpOption::ServerIdentifier(lease().router));
        let ack = reply(&wish, &lease()).unwrap();
        assert_eq!(kind_of(&ack), MessageType::Ack);
        assert_eq!(
            ack.opts().get(OptionCode::Router),
            Some(&DhcpOption::Router(vec![Ipv4Addr::new(172, 31, 0, 1)]))
        );
        assert!(ack.opts().contains(OptionCode::InterfaceMtu) && ack.opts().contains(OptionCode::DomainName));
    }

    #[test]
    fn an_options_set_says_what_clients_are_told() {
        let spec = DhcpSpec {
            domain_name: Some("example.com".into()),
            domain_name_servers: vec![
                Some("10.2.5.1".parse().unwrap()),
                Some("2001:db8::1".parse().unwrap()),
                None,
            ],
            ntp_servers: vec!["10.2.5.2".parse().unwrap()],
            netbios_node_type: Some(2),
            ..DhcpSpec::default()
        };
        let options = Options::of(&spec, Ipv4Addr::new(172, 31, 0, 2), "ec2.internal");
        let offer = reply(&request(MessageType::Discover), &Lease { options, ..lease() }).unwrap();
        let told = |code| offer.opts().get(code).cloned();
        let servers = vec![Ipv4Addr::new(10, 2, 5, 1), Ipv4Addr::new(172, 31, 0, 2)];
        assert_eq!(told(OptionCode::DomainNameServer), Some(DhcpOption::DomainNameServer(servers)));
        assert_eq!(told(OptionCode::DomainName), Some(DhcpOption::DomainName("example.com".into())));
        assert_eq!(
            told(OptionCode::NtpServers),
            Some(DhcpOption::NtpServers(vec![Ipv4Addr::new(10, 2, 5, 2)]))
        );
        assert_eq!(told(OptionCode::NetBiosNodeType), Some(DhcpOption::NetBiosNodeType(NodeType::from(2))));
        assert_eq!(told(OptionCode::NetBiosNameServers), None, "no list, no option");
    }

    #[test]
    fn rapid_commit_saves_a_round() {
        let mut discover = request(MessageType::Discover);
        discover.opts_mut().insert(DhcpOption::RapidCommit);
        let ack = reply(&discover, &lease()).unwrap();
        assert_eq!(kind_of(&ack), MessageType::Ack);
        assert!(ack.opts().contains(OptionCode::RapidCommit));
    }

    #[test]
    fn another_address_is_refused_and_another_server_left_to_answer() {
        let mut wish = request(MessageType::Request);
        wish.opts_mut().insert(DhcpOption::RequestedIpAddress(Ipv4Addr::new(172, 31, 0, 6)));
        assert_eq!(kind_of(&reply(&wish, &lease()).unwrap()), MessageType::Nak);
        wish.opts_mut().insert(DhcpOption::ServerIdentifier(Ipv4Addr::new(10, 0, 0, 1)));
        assert!(reply(&wish, &lease()).is_none());
    }

    #[test]
    fn a_renewal_names_the_address_that_the_client_has() {
        let mut renewal = request(MessageType::Request);
        renewal.set_ciaddr(lease().address);
        assert_eq!(kind_of(&reply(&renewal, &lease()).unwrap()), MessageType::Ack);
    }

    #[test]
    fn inform_gets_options_but_no_lease_and_release_gets_nothing() {
        let mut inform = request(MessageType::Inform);
        inform.set_ciaddr(lease().address);
        let ack = reply(&inform, &lease()).unwrap();
        assert!(ack.yiaddr().is_unspecified() && !ack.opts().contains(OptionCode::AddressLeaseTime));
        assert!(reply(&request(MessageType::Release), &lease()).is_none());
        assert!(reply(&request(MessageType::Decline), &lease()).is_none());
    }

    #[test]
    fn a_foreign_ethernet_address_is_not_answered() {
        let mut discover = request(MessageType::Discover);
        discover.set_chaddr(&[2, 0, 0, 0, 0, 6]);
        assert!(reply(&discover, &lease()).is_none());
    }

    proptest! {
        #[test]
        fn whatever_a_guest_sends_only_its_own_address_is_granted(
            options in proptest::collection::vec(any::<u8>(), 0..60), kind in 1u8..9, wish: [u8; 4],
        ) {
            let mut bytes = request(MessageType::Discover).to_vec().unwrap();
            bytes.truncate(240);
            bytes.extend_from_slice(&[53, 1, kind, 50, 4]);
            bytes.extend_from_slice(&wish);
            bytes.extend_from_slice(&options);
            if let Some(answer) = parse(&bytes).and_then(|message| reply(&message, &lease())) {
                prop_assert!(answer.yiaddr() == lease().address || answer.yiaddr().is_unspecified());
                prop_assert!(answer.to_vec().is_ok());
            }
        }
    }
}
