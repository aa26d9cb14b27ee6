//! What connection tracking has counted, over ctnetlink (linux/netfilter/nfnetlink_conntrack.h): all connections with
//! their counters, which begin at zero again by being read, and each that ends with what it had still to tell. Sockets
//! belong to the calling thread's namespace.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rtnetlink::sys::Socket;

use super::netfilter::{FAMILY, attributes, code, messages, open, request};
use crate::error::NetError;
use crate::flow_logs::packet::Tuple;
use crate::flow_logs::sighting::Connection;

/// Message types: `NFNL_SUBSYS_CTNETLINK` in the high byte.
const GET_AND_ZERO: u16 = 0x0103;
const ENTRY: u16 = 0x0100;
const ENDED: u16 = 0x0102;
/// `NFNLGRP_CONNTRACK_DESTROY`.
const GROUP_ENDED: u32 = 3;

/// Attributes of an entry.
mod entry {
    pub const ORIGINAL: u16 = 1;
    pub const REPLY: u16 = 2;
    pub const STATUS: u16 = 3;
    pub const PROTOCOL_STATE: u16 = 4;
    pub const SENT: u16 = 9;
    pub const ANSWERED: u16 = 10;
    pub const TIMES: u16 = 20;
}
/// `IPS_ASSURED`.
const ASSURED: u32 = 1 << 2;

/// A socket that is told of each connection that ends.
pub fn listen() -> Result<Socket, NetError> {
    let watch = || {
        let socket = open()?;
        socket.add_membership(GROUP_ENDED)?;
        socket.set_non_blocking(true)?;
        std::io::Result::Ok(socket)
    };
    watch().map_err(NetError::io("watch for ends of connections"))
}

/// A socket to ask for all connections.
pub fn asker() -> Result<Socket, NetError> {
    open().map_err(NetError::io("open a socket to connection tracking"))
}

/// Gives all connections of a namespace to `each`; their counters begin at zero again.
pub fn take_all(socket: &Socket, mut each: impl FnMut(Vec<Connection>)) -> Result<(), NetError> {
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16;
    let mut take = || {
        // Of all address families.
        let mut asked = request(GET_AND_ZERO, flags, &[]);
        asked[16] = libc::AF_UNSPEC as u8;
        socket.send(&asked, 0)?;
        loop {
            let (datagram, _) = socket.recv_from_full()?;
            each(connections(&datagram));
            for (kind, payload) in messages(&datagram) {
                match i32::from(kind) {
                    libc::NLMSG_DONE => return Ok(()),
                    libc::NLMSG_ERROR => return code(payload),
                    _ => {}
                }
            }
        }
    };
    take().map_err(NetError::io("read what connection tracking has counted"))
}

/// The connections that a datagram tells of.
pub fn connections(datagram: &[u8]) -> Vec<Connection> {
    messages(datagram)
        .filter(|(kind, _)| matches!(*kind, ENTRY | ENDED))
        .filter_map(|(_, payload)| parse(payload.get(FAMILY..)?))
        .collect()
}

fn parse(attributes_of_entry: &[u8]) -> Option<Connection> {
    let (mut original, mut reply) = (None, None);
    let (mut sent, mut answered, mut times) = (None, None, (None, None));
    let (mut tcp_state, mut assured) = (None, false);
    for (kind, _, value) in attributes(attributes_of_entry) {
        match kind {
            entry::ORIGINAL => original = tuple(value),
            entry::REPLY => reply = tuple(value),
            entry::STATUS => {
                assured = value.first_chunk().is_some_and(|b| u32::from_be_bytes(*b) & ASSURED != 0)
            }
            entry::PROTOCOL_STATE => tcp_state = state_of_tcp(value),
            entry::SENT => sent = pair(value),
            entry::ANSWERED => answered = pair(value),
            entry::TIMES => times = (time(value, 1), time(value, 2)),
            _ => {}
        }
    }
    Some(Connection {
        original: original?,
        reply: reply?,
        sent,
        answered,
        started: times.0,
        stopped: times.1,
        tcp_state,
        assured,
    })
}

fn tuple(bytes: &[u8]) -> Option<Tuple> {
    let (addresses, protocol) = (nested(bytes, 1)?, nested(bytes, 2)?);
    let address = |v4: u16, v6: u16| -> Option<IpAddr> {
        let of_v4 = nested(addresses, v4).and_then(|b| <[u8; 4]>::try_from(b).ok());
        let of_v6 = nested(addresses, v6).and_then(|b| <[u8; 16]>::try_from(b).ok());
        of_v4
            .map(|octets| Ipv4Addr::from(octets).into())
            .or(of_v6.map(|octets| Ipv6Addr::from(octets).into()))
    };
    let port =
        |kind| nested(protocol, kind).and_then(<[u8]>::first_chunk).map_or(0, |b| u16::from_be_bytes(*b));
    Some(Tuple {
        protocol: *nested(protocol, 1)?.first()?,
        source: address(1, 3)?,
        destination: address(2, 4)?,
        source_port: port(2),
        destination_port: port(3),
    })
}

fn nested(bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    attributes(bytes).find(|(kind, ..)| *kind == wanted).map(|(_, _, value)| value)
}

/// Packets and bytes.
fn pair(bytes: &[u8]) -> Option<(u64, u64)> {
    Some((number(bytes, 1)?, number(bytes, 2)?))
}

fn number(bytes: &[u8], kind: u16) -> Option<u64> {
    nested(bytes, kind)?.first_chunk().map(|b| u64::from_be_bytes(*b))
}

/// A time in seconds since the Unix epoch; the kernel tells nanoseconds.
fn time(bytes: &[u8], kind: u16) -> Option<i64> {
    i64::try_from(number(bytes, kind)? / 1_000_000_000).ok()
}

/// `CTA_PROTOINFO_TCP` and in it `CTA_PROTOINFO_TCP_STATE`.
fn state_of_tcp(bytes: &[u8]) -> Option<u8> {
    nested(nested(bytes, 1)?, 1)?.first().copied()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::netfilter::attribute;
    use super::*;

    fn tuple_of(kind: u16, from: [u8; 4], to: [u8; 4], ports: (u16, u16)) -> Vec<u8> {
        let addresses = [attribute(1, &from), attribute(2, &to)].concat();
        let protocol =
            [attribute(1, &[6]), attribute(2, &ports.0.to_be_bytes()), attribute(3, &ports.1.to_be_bytes())];
        attribute(
            kind | 0x8000,
            &[attribute(0x8001, &addresses), attribute(0x8002, &protocol.concat())].concat(),
        )
    }

    fn counters(kind: u16, packets: u64, bytes: u64) -> Vec<u8> {
        let both = [attribute(1, &packets.to_be_bytes()), attribute(2, &bytes.to_be_bytes())];
        attribute(kind | 0x8000, &both.concat())
    }

    #[test]
    fn a_translated_connection_is_read() {
        let state = attribute(0x8004, &attribute(0x8001, &attribute(1, &[3])));
        let entry = [
            tuple_of(1, [10, 0, 0, 5], [192, 0, 2, 1], (40000, 443)),
            tuple_of(2, [192, 0, 2, 1], [198, 18, 0, 5], (443, 40000)),
            attribute(3, &0x8eu32.to_be_bytes()),
            state,
            counters(9, 7, 700),
            counters(10, 5, 5000),
            attribute(0x8014, &attribute(1, &1_700_000_000_500_000_000u64.to_be_bytes())),
        ];
        let read = parse(&entry.concat()).expect("a connection");
        assert_eq!(read.original.source.to_string(), "10.0.0.5");
        assert_eq!(read.reply.destination.to_string(), "198.18.0.5");
        assert_eq!((read.original.source_port, read.original.destination_port), (40000, 443));
        assert_eq!((read.sent, read.answered), (Some((7, 700)), Some((5, 5000))));
        assert_eq!((read.started, read.stopped), (Some(1_700_000_000), None));
        assert_eq!((read.tcp_state, read.assured), (Some(3), true));
    }

    #[test]
    fn what_is_not_counted_is_told_so() {
        let entry = [
            tuple_of(1, [10, 0, 0, 5], [10, 0, 0, 6], (1, 2)),
            tuple_of(2, [10, 0, 0, 6], [10, 0, 0, 5], (2, 1)),
        ];
        assert_eq!(parse(&entry.concat()).expect("a connection").sent, None);
    }

    proptest! {
        #[test]
        fn no_bytes_upset_it(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
            let _ = connections(&bytes);
        }
    }
}
