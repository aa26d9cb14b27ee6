//! Ending tracked connections by address, over ctnetlink (linux/netfilter/nfnetlink_conntrack.h), in the calling
//! thread's namespace.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use rtnetlink::sys::Socket;

use super::netfilter::{FAMILY, acknowledged, attributes, code, messages, open, request};
use crate::error::NetError;

/// Message types: `NFNL_SUBSYS_CTNETLINK` in the high byte.
const GET: u16 = 0x0101;
const DELETE: u16 = 0x0102;
const ENTRY: u16 = 0x0100;
/// Attributes of an entry, of a tuple and of a tuple's addresses.
const TUPLE_ORIGINAL: u16 = 1;
const TUPLE_REPLY: u16 = 2;
const ID: u16 = 12;
const TUPLE_ADDRESSES: u16 = 1;
const SOURCE: u16 = 1;
const DESTINATION: u16 = 2;

/// Ends all tracked IPv4 connections that have one of these addresses at an end, before or after translation; gives how
/// many there were.
pub fn forget(addresses: &BTreeSet<Ipv4Addr>) -> Result<usize, NetError> {
    let socket = open().map_err(NetError::io("open a socket to connection tracking"))?;
    let entries = list(&socket).map_err(NetError::io("list tracked connections"))?;
    let mut ended = 0;
    for entry in entries.iter().filter(|entry| ends(entry).any(|address| addresses.contains(&address))) {
        if delete(&socket, entry).map_err(NetError::io("end a tracked connection"))? {
            ended += 1;
        }
    }
    Ok(ended)
}

/// The attributes of each entry.
fn list(socket: &Socket) -> std::io::Result<Vec<Vec<u8>>> {
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16;
    socket.send(&request(GET, flags, &[]), 0)?;
    let mut entries = Vec::new();
    loop {
        let (datagram, _) = socket.recv_from_full()?;
        for (kind, payload) in messages(&datagram) {
            match kind {
                ENTRY => entries.extend(payload.get(FAMILY..).map(<[u8]>::to_vec)),
                kind if i32::from(kind) == libc::NLMSG_DONE => return Ok(entries),
                kind if i32::from(kind) == libc::NLMSG_ERROR => {
                    code(payload)?;
                    return Ok(entries);
                }
                _ => {}
            }
        }
    }
}

/// `false` if it ended by itself meanwhile.
fn delete(socket: &Socket, entry: &[u8]) -> std::io::Result<bool> {
    let mut which = Vec::new();
    for (_, whole, _) in attributes(entry).filter(|(kind, ..)| matches!(*kind, TUPLE_ORIGINAL | ID)) {
        which.extend_from_slice(whole);
        which.resize(which.len().next_multiple_of(4), 0);
    }
    match acknowledged(socket, DELETE, &which) {
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(false),
        result => result.map(|()| true),
    }
}

/// The four ends of an entry: both ways' sources and destinations.
fn ends(entry: &[u8]) -> impl Iterator<Item = Ipv4Addr> {
    attributes(entry)
        .filter(|(kind, ..)| matches!(*kind, TUPLE_ORIGINAL | TUPLE_REPLY))
        .flat_map(|(_, _, tuple)| attributes(tuple))
        .filter(|(kind, ..)| *kind == TUPLE_ADDRESSES)
        .flat_map(|(_, _, addresses)| attributes(addresses))
        .filter(|(kind, ..)| matches!(*kind, SOURCE | DESTINATION))
        .filter_map(|(_, _, value)| <[u8; 4]>::try_from(value).ok().map(Ipv4Addr::from))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = (value.len() as u16 + 4).to_ne_bytes().to_vec();
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn an_entry_has_four_ends() {
        let tuple = |kind: u16, from: [u8; 4], to: [u8; 4]| {
            let addresses = [attribute(SOURCE, &from), attribute(DESTINATION, &to)].concat();
            attribute(kind | 0x8000, &attribute(TUPLE_ADDRESSES | 0x8000, &addresses))
        };
        let entry = [
            tuple(1, [10, 0, 0, 1], [10, 0, 0, 2]),
            attribute(3, &[7]),
            tuple(2, [10, 0, 0, 3], [10, 0, 0, 4]),
        ];
        let found: Vec<_> = ends(&entry.concat()).map(|address| address.octets()[3]).collect();
        assert_eq!(found, [1, 2, 3, 4]);
    }

    proptest! {
        #[test]
        fn no_bytes_upset_it(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for (_, payload) in messages(&bytes) {
                ends(payload).count();
            }
            ends(&bytes).count();
        }
    }
}
