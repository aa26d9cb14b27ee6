//! Elements of sets put in and taken out over netlink (linux/netfilter/ipset/ip_set.h), in the calling thread's
//! namespace: for a few of them that is far quicker than to start a program.

use std::net::Ipv4Addr;

use rtnetlink::sys::Socket;

use super::netfilter::{acknowledged, attribute, open};
use crate::error::NetError;

/// Message types: `NFNL_SUBSYS_IPSET` in the high byte.
const ADD: u16 = 0x0609;
const DELETE: u16 = 0x060a;
/// The oldest version of the protocol that kernels speak.
const PROTOCOL: u8 = 6;
/// Attributes of a message, and of the element in it.
const ATTR_PROTOCOL: u16 = 1;
const ATTR_SET: u16 = 2;
const ATTR_DATA: u16 = 7;
const ATTR_IP: u16 = 1;
const ATTR_CIDR: u16 = 3;
const ATTR_IPV4: u16 = 1;
/// Flags in an attribute's type: it holds attributes; its value is in network byte order.
const NESTED: u16 = 0x8000;
const NET_ORDER: u16 = 0x4000;
/// `IPSET_ERR_EXIST`: what is to be taken out is not in.
const NOT_IN: i32 = 4103;

/// A change of one element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    add: bool,
    set: String,
    address: Ipv4Addr,
    prefix: Option<u8>,
}

impl Change {
    /// Reads a line for `ipset restore`; `None` unless it adds or deletes a plain address or block.
    pub fn parse(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split(' ').collect();
        let [verb, set, element] = words.as_slice() else { return None };
        let add = match *verb {
            "add" => true,
            "del" => false,
            _ => return None,
        };
        let (address, prefix) = match element.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse().ok()?)),
            None => (*element, None),
        };
        Some(Self { add, set: (*set).to_owned(), address: address.parse().ok()?, prefix })
    }

    fn message(&self) -> Vec<u8> {
        let address = attribute(ATTR_IPV4 | NET_ORDER, &self.address.octets());
        let mut element = attribute(ATTR_IP | NESTED, &address);
        if let Some(prefix) = self.prefix {
            element.extend(attribute(ATTR_CIDR, &[prefix]));
        }
        let name: Vec<u8> = self.set.bytes().chain([0]).collect();
        [
            attribute(ATTR_PROTOCOL, &[PROTOCOL]),
            attribute(ATTR_SET, &name),
            attribute(ATTR_DATA | NESTED, &element),
        ]
        .concat()
    }
}

/// Makes changes one after the other. What is in already or gone already is no error.
pub fn change(changes: &[Change]) -> Result<(), NetError> {
    let socket = open().map_err(NetError::io("open a socket to netfilter's sets"))?;
    changes.iter().try_for_each(|change| one(&socket, change))
}

fn one(socket: &Socket, change: &Change) -> Result<(), NetError> {
    let kind = if change.add { ADD } else { DELETE };
    match acknowledged(socket, kind, &change.message()) {
        Err(error) if !change.add && error.raw_os_error() == Some(NOT_IN) => Ok(()),
        result => {
            let what = if change.add { "add to" } else { "remove from" };
            result.map_err(NetError::io(format!("{what} set {}: {}", change.set, change.address)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_changes_of_elements_are_read() {
        let plain = Change::parse("add sg-1 10.0.0.0/8").unwrap();
        assert_eq!((plain.add, plain.set.as_str(), plain.prefix), (true, "sg-1", Some(8)));
        assert!(!Change::parse("del sg-1 10.0.0.1").unwrap().add);
        for line in
            ["create sg-1 hash:ip", "destroy sg-1", "add sg-1 10.0.0.0/8 nomatch", "add sg-1 x", "add sg-1"]
        {
            assert_eq!(Change::parse(line), None, "{line}");
        }
    }
}
