//! Reading what a client sent (RFC 8415, sections 8 and 21). It is a guest's and may be anything; only the options that an
//! answer depends on are looked into, and their number is bounded.

use std::net::Ipv6Addr;

use dhcproto::v6::{MessageType, OptionCode};

/// Type and transaction id.
const FIXED: usize = 4;
/// The longest identifier that a client may have (RFC 8415, 11.1).
const LONGEST_DUID: usize = 130;
/// Identity associations that are answered; a client has one for each of its interfaces.
const MOST_ASSOCIATIONS: usize = 4;
/// Addresses that are read of one association.
const MOST_ADDRESSES: usize = 32;
/// An association's id and times before its options.
const ASSOCIATION: usize = 12;

/// A client's message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What it wants.
    pub kind: MessageType,
    /// Transaction id.
    pub id: [u8; 3],
    /// Who it is, in its own words; needed in all but a request for information.
    pub client: Option<Vec<u8>>,
    /// The server that it means.
    pub server: Option<Vec<u8>>,
    /// Its identity associations for addresses.
    pub associations: Vec<Association>,
    /// Whether it wants two messages instead of four.
    pub rapid_commit: bool,
}

/// An identity association: what a client calls one of its interfaces, with the addresses that it has or wants there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Association {
    /// The client's number of it.
    pub id: u32,
    /// Addresses.
    pub addresses: Vec<Ipv6Addr>,
}

/// The message in a datagram; `None` if it is malformed.
pub fn parse(bytes: &[u8]) -> Option<Request> {
    let (fixed, rest) = bytes.split_at_checked(FIXED)?;
    let mut request = Request {
        kind: MessageType::from(fixed[0]),
        id: [fixed[1], fixed[2], fixed[3]],
        client: None,
        server: None,
        associations: Vec::new(),
        rapid_commit: false,
    };
    for option in options(rest) {
        let (code, value) = option?;
        match OptionCode::from(code) {
            OptionCode::ClientId => request.client = Some(identifier(value)?),
            OptionCode::ServerId => request.server = Some(identifier(value)?),
            OptionCode::RapidCommit => request.rapid_commit = true,
            OptionCode::IANA if request.associations.len() < MOST_ASSOCIATIONS => {
                request.associations.push(association(value)?);
            }
            _ => {}
        }
    }
    Some(request)
}

fn identifier(value: &[u8]) -> Option<Vec<u8>> {
    (1..=LONGEST_DUID).contains(&value.len()).then(|| value.to_vec())
}

fn association(value: &[u8]) -> Option<Association> {
    let (fixed, rest) = value.split_at_checked(ASSOCIATION)?;
    let id = u32::from_be_bytes(fixed[..4].try_into().ok()?);
    let mut addresses = Vec::new();
    for option in options(rest) {
        let (code, value) = option?;
        if OptionCode::from(code) == OptionCode::IAAddr && addresses.len() < MOST_ADDRESSES {
            let octets: [u8; 16] = value.get(..16)?.try_into().ok()?;
            addresses.push(Ipv6Addr::from(octets));
        }
    }
    Some(Association { id, addresses })
}

/// Options one by one, each code with its value; `None` for one that is cut off, after which there are no more.
fn options(mut rest: &[u8]) -> impl Iterator<Item = Option<(u16, &[u8])>> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let option = rest.split_at_checked(4).and_then(|(head, after)| {
            let length = u16::from_be_bytes([head[2], head[3]]);
            let (value, after) = after.split_at_checked(length.into())?;
            Some((u16::from_be_bytes([head[0], head[1]]), value, after))
        });
        match option {
            Some((code, value, after)) => {
                rest = after;
                Some(Some((code, value)))
            }
            None => {
                rest = &[];
                Some(None)
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use dhcproto::Encodable;
    use dhcproto::v6::{DhcpOption, IAAddr, IANA, Message};
    use proptest::prelude::*;

    use super::*;

    fn solicit() -> Vec<u8> {
        let mut association = IANA { id: 7, t1: 0, t2: 0, opts: Default::default() };
        association.opts.insert(DhcpOption::IAAddr(IAAddr {
            addr: "fd00::5".parse().unwrap(),
            preferred_life: 0,
            valid_life: 0,
            opts: Default::default(),
        }));
        let mut message = Message::new_with_id(MessageType::Solicit, [1, 2, 3]);
        message.opts_mut().insert(DhcpOption::ClientId(vec![0, 3, 0, 1, 2, 0, 0, 0, 0, 5]));
        message.opts_mut().insert(DhcpOption::IANA(association));
        message.opts_mut().insert(DhcpOption::RapidCommit);
        message.to_vec().unwrap()
    }

    #[test]
    fn a_clients_wish_is_read() {
        let request = parse(&solicit()).unwrap();
        assert_eq!((request.kind, request.id), (MessageType::Solicit, [1, 2, 3]));
        assert_eq!(
            request.associations,
            [Association { id: 7, addresses: vec!["fd00::5".parse().unwrap()] }]
        );
        assert!(request.rapid_commit && request.client.is_some() && request.server.is_none());
    }

    #[test]
    fn what_is_cut_off_is_refused() {
        let bytes = solicit();
        let whole: Vec<usize> =
            (0..bytes.len()).filter(|length| parse(&bytes[..*length]).is_some()).collect();
        // Only between options is a shorter message whole.
        assert!(whole.len() <= 3 && !whole.contains(&(bytes.len() - 1)), "{whole:?}");
    }

    proptest! {
        #[test]
        fn no_bytes_upset_it(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Some(request) = parse(&bytes) {
                prop_assert!(request.associations.len() <= MOST_ASSOCIATIONS);
            }
        }
    }
}
