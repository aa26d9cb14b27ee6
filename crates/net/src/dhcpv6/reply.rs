//! What a DHCPv6 client is answered.

use std::net::{IpAddr, Ipv6Addr};

use cumulet_ports::network::DhcpSpec;
use dhcproto::v6::{
    DhcpOption, DhcpOptions, IAAddr, IANA, Message, MessageType, NtpSuboption, Status, StatusCode,
};
use hickory_proto::rr::Name;

use super::request::{Association, Request};
use crate::names::{DNS_LINK_LOCAL_V6, ROUTER_MAC};

/// How long an address is good without renewal: a day, so that guests keep theirs while the daemon is away.
const VALID_SECONDS: u32 = 86_400;
/// When a client should renew: hourly, so that changed options and addresses get around.
const RENEWAL_SECONDS: u32 = 3_600;
/// When a client that could not renew asks everybody.
const REBINDING_SECONDS: u32 = 75_600;

/// What the client of one tap is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Its addresses.
    pub addresses: Vec<Ipv6Addr>,
    /// Options that are the same for all of a VPC.
    pub options: Options,
}

/// What a VPC's DHCP options set says to clients of IPv6.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Domain, in which names without dots are looked up.
    pub domain: String,
    /// DNS servers in order.
    pub dns: Vec<Ipv6Addr>,
    /// Time servers in order.
    pub ntp: Vec<Ipv6Addr>,
    /// How long an address is preferred, in seconds.
    pub preferred: u32,
}

impl Options {
    /// The options of a VPC whose own domain is this.
    pub fn of(spec: &DhcpSpec, own_domain: &str) -> Self {
        let own = |server: &Option<IpAddr>| server.unwrap_or(DNS_LINK_LOCAL_V6.into());
        let of_ipv6 = |server: IpAddr| match server {
            IpAddr::V4(_) => None,
            IpAddr::V6(server) => Some(server),
        };
        Self {
            domain: spec.domain_name.clone().unwrap_or_else(|| own_domain.to_owned()),
            dns: spec.domain_name_servers.iter().map(own).filter_map(of_ipv6).collect(),
            ntp: spec.ntp_servers.iter().copied().filter_map(of_ipv6).collect(),
            preferred: spec.ipv6_preferred_seconds.unwrap_or(VALID_SECONDS).min(VALID_SECONDS),
        }
    }
}

/// Who answers: an identifier by link-layer address (RFC 8415, 11.4), the same for ever.
pub fn server_id() -> Vec<u8> {
    let mut id = vec![0, 3, 0, 1];
    id.extend_from_slice(&ROUTER_MAC.0);
    id
}

/// The answer to a client's message; `None` where the RFC wants none (section 16: no identifier, another server's).
pub fn reply(request: &Request, lease: &Lease) -> Option<Message> {
    let own = server_id();
    let for_us = request.server.as_ref() == Some(&own);
    let kind = match request.kind {
        MessageType::Solicit if request.rapid_commit => MessageType::Reply,
        MessageType::Solicit => MessageType::Advertise,
        MessageType::Request | MessageType::Renew | MessageType::Release | MessageType::Decline if for_us => {
            MessageType::Reply
        }
        MessageType::Confirm | MessageType::Rebind if request.server.is_none() => MessageType::Reply,
        MessageType::InformationRequest if request.server.is_none() || for_us => MessageType::Reply,
        _ => return None,
    };
    let mut message = Message::new_with_id(kind, request.id);
    let options = message.opts_mut();
    match (&request.client, request.kind) {
        (Some(client), _) => options.insert(DhcpOption::ClientId(client.clone())),
        (None, MessageType::InformationRequest) => {}
        (None, _) => return None,
    }
    options.insert(DhcpOption::ServerId(own));
    match request.kind {
        MessageType::Solicit | MessageType::Request | MessageType::Renew | MessageType::Rebind => {
            if request.kind == MessageType::Solicit && request.rapid_commit {
                options.insert(DhcpOption::RapidCommit);
            }
            for (n, association) in request.associations.iter().enumerate() {
                // A tap's client has one interface: the first association gets its addresses.
                let addresses = if n == 0 { lease.addresses.as_slice() } else { &[] };
                options.insert(DhcpOption::IANA(granted(association, addresses, lease)));
            }
            configuration(options, lease);
        }
        MessageType::Confirm => {
            let mut wished = request.associations.iter().flat_map(|association| &association.addresses);
            let all_ours = wished.all(|address| lease.addresses.contains(address));
            let code = if all_ours { Status::Success } else { Status::NotOnLink };
            options.insert(status(code, ""));
        }
        MessageType::InformationRequest => configuration(options, lease),
        // Its addresses stay its own, whatever it says of them.
        _ => options.insert(status(Status::Success, "")),
    }
    Some(message)
}

fn granted(association: &Association, addresses: &[Ipv6Addr], lease: &Lease) -> IANA {
    let mut opts = DhcpOptions::new();
    for address in addresses {
        opts.insert(assigned(*address, lease.options.preferred, VALID_SECONDS));
    }
    // What it has besides is no longer its own (RFC 8415, 18.3.4).
    for address in association.addresses.iter().filter(|address| !addresses.contains(address)) {
        opts.insert(assigned(*address, 0, 0));
    }
    if addresses.is_empty() {
        opts.insert(status(Status::NoAddrsAvail, "this interface has no IPv6 address"));
    }
    let renewal = RENEWAL_SECONDS.min(lease.options.preferred / 2).max(1);
    let rebinding = REBINDING_SECONDS.min(lease.options.preferred).max(renewal);
    IANA { id: association.id, t1: renewal, t2: rebinding, opts }
}

fn assigned(addr: Ipv6Addr, preferred_life: u32, valid_life: u32) -> DhcpOption {
    DhcpOption::IAAddr(IAAddr { addr, preferred_life, valid_life, opts: DhcpOptions::new() })
}

fn status(status: Status, text: &str) -> DhcpOption {
    DhcpOption::StatusCode(StatusCode { status, msg: text.to_owned() })
}

fn configuration(options: &mut DhcpOptions, lease: &Lease) {
    let told = &lease.options;
    if !told.dns.is_empty() {
        options.insert(DhcpOption::DomainNameServers(told.dns.clone()));
    }
    if !told.ntp.is_empty() {
        let servers = told.ntp.iter().map(|server| NtpSuboption::ServerAddress(*server)).collect();
        options.insert(DhcpOption::NtpServer(servers));
    }
    // Domains that are no names for DNS can't be told here.
    if let Ok(domain) = Name::from_ascii(format!("{}.", told.domain.trim_end_matches('.'))) {
        options.insert(DhcpOption::DomainSearchList(vec![domain]));
    }
}

#[cfg(test)]
mod tests {
    use dhcproto::Encodable;
    use dhcproto::v6::OptionCode;
    use proptest::prelude::*;

    use super::*;
    use crate::dhcpv6::request::parse;

    fn lease() -> Lease {
        Lease {
            addresses: vec!["fd00::5".parse().unwrap(), "fd00::6".parse().unwrap()],
            options: Options::of(&DhcpSpec::default(), "ec2.internal"),
        }
    }

    fn request(kind: MessageType) -> Request {
        Request {
            kind,
            id: [1, 2, 3],
            client: Some(vec![0, 3, 0, 1, 2, 0, 0, 0, 0, 5]),
            server: None,
            associations: vec![Association { id: 7, addresses: vec![] }],
            rapid_commit: false,
        }
    }

    fn addresses(message: &Message) -> Vec<(Ipv6Addr, u32)> {
        let Some(DhcpOption::IANA(association)) = message.opts().get(OptionCode::IANA) else { return vec![] };
        let addresses = association.opts.iter().filter_map(|option| match option {
            DhcpOption::IAAddr(address) => Some((address.addr, address.valid_life)),
            _ => None,
        });
        let mut addresses: Vec<_> = addresses.collect();
        addresses.sort();
        addresses
    }

    #[test]
    fn a_client_is_told_all_its_addresses_and_where_to_ask() {
        let advertise = reply(&request(MessageType::Solicit), &lease()).unwrap();
        assert_eq!(advertise.msg_type(), MessageType::Advertise);
        let granted: Vec<_> = lease().addresses.iter().map(|address| (*address, VALID_SECONDS)).collect();
        assert_eq!(addresses(&advertise), granted);
        let wish = Request { server: Some(server_id()), ..request(MessageType::Request) };
        let answer = reply(&wish, &lease()).unwrap();
        assert_eq!((answer.msg_type(), addresses(&answer)), (MessageType::Reply, granted));
        let dns = DhcpOption::DomainNameServers(vec![DNS_LINK_LOCAL_V6]);
        assert_eq!(answer.opts().get(OptionCode::DomainNameServers), Some(&dns));
    }

    #[test]
    fn rapid_commit_saves_a_round() {
        let solicit = Request { rapid_commit: true, ..request(MessageType::Solicit) };
        let answer = reply(&solicit, &lease()).unwrap();
        assert_eq!(answer.msg_type(), MessageType::Reply);
        assert!(answer.opts().get(OptionCode::RapidCommit).is_some());
    }

    #[test]
    fn an_address_that_is_not_its_own_any_more_is_taken_away_at_renewal() {
        let old: Ipv6Addr = "fd00::99".parse().unwrap();
        let renew = Request {
            server: Some(server_id()),
            associations: vec![Association { id: 7, addresses: vec![old] }],
            ..request(MessageType::Renew)
        };
        assert!(addresses(&reply(&renew, &lease()).unwrap()).contains(&(old, 0)));
        let confirm = Request { server: None, kind: MessageType::Confirm, ..renew };
        let answer = reply(&confirm, &lease()).unwrap();
        let Some(DhcpOption::StatusCode(code)) = answer.opts().get(OptionCode::StatusCode) else { panic!() };
        assert_eq!(code.status, Status::NotOnLink);
    }

    #[test]
    fn others_servers_and_nameless_clients_are_left_alone() {
        assert!(reply(&request(MessageType::Request), &lease()).is_none(), "no server named");
        let other = Request { server: Some(vec![1]), ..request(MessageType::Renew) };
        assert!(reply(&other, &lease()).is_none());
        let nameless = Request { client: None, ..request(MessageType::Solicit) };
        assert!(reply(&nameless, &lease()).is_none());
        assert!(reply(&request(MessageType::Advertise), &lease()).is_none());
    }

    #[test]
    fn an_interface_without_addresses_is_told_so() {
        let none = Lease { addresses: vec![], ..lease() };
        let answer = reply(&request(MessageType::Solicit), &none).unwrap();
        let Some(DhcpOption::IANA(association)) = answer.opts().get(OptionCode::IANA) else { panic!() };
        assert!(association.opts.get(OptionCode::StatusCode).is_some());
    }

    proptest! {
        #[test]
        fn whatever_a_guest_sends_only_its_own_addresses_are_granted(
            kind in 0u8..14, rest in proptest::collection::vec(any::<u8>(), 0..120),
        ) {
            let mut bytes = vec![kind, 1, 2, 3, 0, 1, 0, 2, 0, 3];
            bytes.extend_from_slice(&rest);
            if let Some(answer) = parse(&bytes).and_then(|request| reply(&request, &lease())) {
                let granted = addresses(&answer);
                prop_assert!(granted.iter().all(|(address, valid)| *valid == 0 || lease().addresses.contains(address)));
                prop_assert!(answer.to_vec().is_ok());
            }
        }
    }
}
