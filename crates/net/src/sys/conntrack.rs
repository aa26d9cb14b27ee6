//! Ending tracked connections, over ctnetlink (linux/netfilter/nfnetlink_conntrack.h), in the calling thread's namespace.

use std::collections::BTreeSet;
use std::net::IpAddr;

use rtnetlink::sys::Socket;

use super::netfilter::{FAMILY, acknowledged_of, attributes, code, messages, open, request_of};
use crate::error::NetError;

/// Message types: `NFNL_SUBSYS_CTNETLINK` in the high byte.
const GET: u16 = 0x0101;
const DELETE: u16 = 0x0102;
const ENTRY: u16 = 0x0100;
/// Attributes of an entry, of a tuple, of a tuple's addresses and of its protocol.
const TUPLE_ORIGINAL: u16 = 1;
const TUPLE_REPLY: u16 = 2;
const ID: u16 = 12;
const TUPLE_ADDRESSES: u16 = 1;
const TUPLE_PROTOCOL: u16 = 2;
/// Sources and destinations of both families.
const SOURCES: [u16; 2] = [1, 3];
const DESTINATIONS: [u16; 2] = [2, 4];
const PROTOCOL_NUMBER: u16 = 1;
const SOURCE_PORT: u16 = 2;
const DESTINATION_PORT: u16 = 3;
/// Types and codes of ICMP and of ICMPv6.
const ICMP_TYPES: [u16; 2] = [5, 8];
const ICMP_CODES: [u16; 2] = [6, 9];

/// One way of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// Where from.
    pub source: IpAddr,
    /// Where to.
    pub destination: IpAddr,
    /// Protocol number.
    pub protocol: u8,
    /// Source port, or 0.
    pub source_port: u16,
    /// Destination port, or 0.
    pub destination_port: u16,
    /// Type and code of ICMP, or 0.
    pub icmp: (u8, u8),
}

/// A tracked connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// As it began, before translation.
    pub original: Way,
    /// What answers are, before they are translated back.
    pub reply: Way,
    family: u8,
    /// The attributes by which the kernel knows it.
    which: Vec<u8>,
}

/// Ends all tracked connections that have one of these addresses at an end, before or after translation; gives how many
/// there were.
pub fn forget(addresses: &BTreeSet<IpAddr>) -> Result<usize, NetError> {
    end(|flow| {
        [&flow.original, &flow.reply]
            .iter()
            .any(|way| addresses.contains(&way.source) || addresses.contains(&way.destination))
    })
}

/// Ends all tracked connections that are to end; gives how many there were.
pub fn end(shall_end: impl Fn(&Flow) -> bool) -> Result<usize, NetError> {
    let socket = open().map_err(NetError::io("open a socket to connection tracking"))?;
    let flows = list(&socket).map_err(NetError::io("list tracked connections"))?;
    let mut ended = 0;
    for flow in flows.iter().filter(|flow| shall_end(flow)) {
        if delete(&socket, flow).map_err(NetError::io("end a tracked connection"))? {
            ended += 1;
        }
    }
    Ok(ended)
}

fn list(socket: &Socket) -> std::io::Result<Vec<Flow>> {
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16;
    socket.send(&request_of(GET, flags, libc::AF_UNSPEC as u8, &[]), 0)?;
    let mut flows = Vec::new();
    loop {
        let (datagram, _) = socket.recv_from_full()?;
        for (kind, payload) in messages(&datagram) {
            match kind {
                ENTRY => flows.extend(flow(payload)),
                kind if i32::from(kind) == libc::NLMSG_DONE => return Ok(flows),
                kind if i32::from(kind) == libc::NLMSG_ERROR => {
                    code(payload)?;
                    return Ok(flows);
                }
                _ => {}
            }
        }
    }
}

/// `false` if it ended by itself meanwhile.
fn delete(socket: &Socket, flow: &Flow) -> std::io::Result<bool> {
    match acknowledged_of(socket, DELETE, flow.family, &flow.which) {
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(false),
        result => result.map(|()| true),
    }
}

/// Reads an entry.
fn flow(payload: &[u8]) -> Option<Flow> {
    let (family, entry) = (*payload.first()?, payload.get(FAMILY..)?);
    let tuple = |wanted: u16| way(attributes(entry).find(|(kind, ..)| *kind == wanted)?.2);
    let mut which = Vec::new();
    for (_, whole, _) in attributes(entry).filter(|(kind, ..)| matches!(*kind, TUPLE_ORIGINAL | ID)) {
        which.extend_from_slice(whole);
        which.resize(which.len().next_multiple_of(4), 0);
    }
    Some(Flow { original: tuple(TUPLE_ORIGINAL)?, reply: tuple(TUPLE_REPLY)?, family, which })
}

fn way(tuple: &[u8]) -> Option<Way> {
    let part = |wanted: u16| attributes(tuple).find(|(kind, ..)| *kind == wanted).map(|(_, _, value)| value);
    let (addresses, protocol) = (part(TUPLE_ADDRESSES)?, part(TUPLE_PROTOCOL)?);
    let address = |wanted: [u16; 2]| {
        let value = attributes(addresses).find(|(kind, ..)| wanted.contains(kind))?.2;
        let ip4 = <[u8; 4]>::try_from(value).ok().map(IpAddr::from);
        ip4.or_else(|| <[u8; 16]>::try_from(value).ok().map(IpAddr::from))
    };
    let of_protocol =
        |wanted: &[u16]| attributes(protocol).find(|(kind, ..)| wanted.contains(kind)).map(|a| a.2);
    let byte = |wanted: &[u16]| of_protocol(wanted).and_then(|value| value.first().copied());
    let port =
        |wanted| of_protocol(&[wanted]).and_then(|value| value.try_into().ok()).map_or(0, u16::from_be_bytes);
    Some(Way {
        source: address(SOURCES)?,
        destination: address(DESTINATIONS)?,
        protocol: byte(&[PROTOCOL_NUMBER])?,
        source_port: port(SOURCE_PORT),
        destination_port: port(DESTINATION_PORT),
        icmp: (byte(&ICMP_TYPES).unwrap_or(0), byte(&ICMP_CODES).unwrap_or(0)),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::netfilter::attribute;
    use super::*;

    fn tuple(kind: u16, from: [u8; 4], to: [u8; 4]) -> Vec<u8> {
        let addresses = [attribute(SOURCES[0], &from), attribute(DESTINATIONS[0], &to)].concat();
        let ports = [
            attribute(PROTOCOL_NUMBER, &[6]),
            attribute(SOURCE_PORT, &40_000u16.to_be_bytes()),
            attribute(DESTINATION_PORT, &80u16.to_be_bytes()),
        ];
        let parts = [
            attribute(TUPLE_ADDRESSES | 0x8000, &addresses),
            attribute(TUPLE_PROTOCOL | 0x8000, &ports.concat()),
        ];
        attribute(kind | 0x8000, &parts.concat())
    }

    #[test]
    fn an_entry_has_two_ways_and_is_named_by_its_first_and_its_id() {
        let original = tuple(TUPLE_ORIGINAL, [10, 0, 0, 1], [10, 0, 0, 2]);
        let parts = [
            vec![2, 0, 0, 0],
            original.clone(),
            attribute(3, &[7]),
            tuple(TUPLE_REPLY, [10, 0, 0, 3], [10, 0, 0, 4]),
            attribute(ID, &[1, 2, 3, 4]),
        ];
        let found = flow(&parts.concat()).unwrap();
        assert_eq!(found.original.source, IpAddr::from([10, 0, 0, 1]));
        assert_eq!((found.original.protocol, found.original.destination_port), (6, 80));
        assert_eq!(found.reply.destination, IpAddr::from([10, 0, 0, 4]));
        assert_eq!(found.which, [original, attribute(ID, &[1, 2, 3, 4])].concat());
    }

    proptest! {
        #[test]
        fn no_bytes_upset_it(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for (_, payload) in messages(&bytes) {
                flow(payload);
            }
            flow(&bytes);
        }
    }
}
