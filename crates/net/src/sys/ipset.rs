//! Changes of sets over netlink (linux/netfilter/ipset/ip_set.h), in the calling thread's namespace: for a few of them
//! that is far quicker than to start a program.

use std::net::IpAddr;

use super::netfilter::{acknowledged, attribute, open};
use crate::error::NetError;

/// Message types: `NFNL_SUBSYS_IPSET` in the high byte.
const CREATE: u16 = 0x0602;
const DESTROY: u16 = 0x0603;
const ADD: u16 = 0x0609;
const DELETE: u16 = 0x060a;
/// The oldest version of the protocol, and of sets' types, that kernels speak.
const PROTOCOL: u8 = 6;
const OLDEST_REVISION: u8 = 0;
/// Attributes of a message, and of the element or the set in it.
const ATTR_PROTOCOL: u16 = 1;
const ATTR_SET: u16 = 2;
const ATTR_TYPE: u16 = 3;
const ATTR_REVISION: u16 = 4;
const ATTR_FAMILY: u16 = 5;
const ATTR_DATA: u16 = 7;
const ATTR_IP: u16 = 1;
const ATTR_CIDR: u16 = 3;
const ATTR_MOST: u16 = 19;
const ATTR_IPV4: u16 = 1;
const ATTR_IPV6: u16 = 2;
/// Flags in an attribute's type: it holds attributes; its value is in network byte order.
const NESTED: u16 = 0x8000;
const NET_ORDER: u16 = 0x4000;
/// `IPSET_ERR_EXIST`: what is to be taken out is not in.
const NOT_IN: i32 = 4103;

/// A change of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    set: String,
    deed: Deed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Deed {
    Create { kind: String, family: u8, most: u32 },
    Destroy,
    Add(Element),
    Delete(Element),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Element {
    address: IpAddr,
    prefix: Option<u8>,
}

impl Change {
    /// Reads a line for `ipset restore`; `None` for what is not plain: sets of single addresses or blocks, made with
    /// nothing but their family and size.
    pub fn parse(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split(' ').collect();
        let (set, deed) = match words.as_slice() {
            ["create", set, kind @ ("hash:ip" | "hash:net"), "family", family, "maxelem", most] => {
                let family = match *family {
                    "inet" => libc::AF_INET as u8,
                    "inet6" => libc::AF_INET6 as u8,
                    _ => return None,
                };
                (set, Deed::Create { kind: (*kind).to_owned(), family, most: most.parse().ok()? })
            }
            ["destroy", set] => (set, Deed::Destroy),
            ["add", set, element] => (set, Deed::Add(Element::parse(element)?)),
            ["del", set, element] => (set, Deed::Delete(Element::parse(element)?)),
            _ => return None,
        };
        Some(Self { set: (*set).to_owned(), deed })
    }

    fn kind(&self) -> u16 {
        match self.deed {
            Deed::Create { .. } => CREATE,
            Deed::Destroy => DESTROY,
            Deed::Add(_) => ADD,
            Deed::Delete(_) => DELETE,
        }
    }

    fn message(&self) -> Vec<u8> {
        let mut message = attribute(ATTR_PROTOCOL, &[PROTOCOL]);
        message.extend(attribute(ATTR_SET, &text(&self.set)));
        match &self.deed {
            Deed::Create { kind, family, most } => {
                message.extend(attribute(ATTR_TYPE, &text(kind)));
                message.extend(attribute(ATTR_REVISION, &[OLDEST_REVISION]));
                message.extend(attribute(ATTR_FAMILY, &[*family]));
                let most = attribute(ATTR_MOST | NET_ORDER, &most.to_be_bytes());
                message.extend(attribute(ATTR_DATA | NESTED, &most));
            }
            Deed::Destroy => {}
            Deed::Add(element) | Deed::Delete(element) => {
                message.extend(attribute(ATTR_DATA | NESTED, &element.attributes()));
            }
        }
        message
    }

    /// Whether an error says that things are so already.
    fn is_done(&self, error: &std::io::Error) -> bool {
        match self.deed {
            Deed::Delete(_) => error.raw_os_error() == Some(NOT_IN),
            Deed::Destroy => error.raw_os_error() == Some(libc::ENOENT),
            Deed::Create { .. } | Deed::Add(_) => false,
        }
    }
}

impl Element {
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse().ok()?)),
            None => (text, None),
        };
        Some(Self { address: address.parse().ok()?, prefix })
    }

    fn attributes(&self) -> Vec<u8> {
        let address = match self.address {
            IpAddr::V4(address) => attribute(ATTR_IPV4 | NET_ORDER, &address.octets()),
            IpAddr::V6(address) => attribute(ATTR_IPV6 | NET_ORDER, &address.octets()),
        };
        let mut attributes = attribute(ATTR_IP | NESTED, &address);
        if let Some(prefix) = self.prefix {
            attributes.extend(attribute(ATTR_CIDR, &[prefix]));
        }
        attributes
    }
}

fn text(text: &str) -> Vec<u8> {
    text.bytes().chain([0]).collect()
}

/// Makes changes one after the other. What is so already is no error.
pub fn change(changes: &[Change]) -> Result<(), NetError> {
    let socket = open().map_err(NetError::io("open a socket to netfilter's sets"))?;
    for change in changes {
        match acknowledged(&socket, change.kind(), &change.message()) {
            Err(error) if !change.is_done(&error) => {
                return Err(NetError::io(format!("set {}: {:?}", change.set, change.deed))(error));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_changes_are_read() {
        let plain = Change::parse("add sg-1 10.0.0.0/8").unwrap();
        let element = Element { address: "10.0.0.0".parse().unwrap(), prefix: Some(8) };
        assert_eq!(plain, Change { set: "sg-1".into(), deed: Deed::Add(element) });
        for line in
            ["del sg-1 10.0.0.1", "destroy sg-1", "create sg-1 hash:net family inet6 maxelem 9", "add a ::/1"]
        {
            assert!(Change::parse(line).is_some(), "{line}");
        }
        for line in [
            "create sg-1 hash:ip",
            "create sg-1 hash:mac family inet maxelem 9",
            "create sg-1 hash:ip family inet maxelem 9 timeout 1",
            "add sg-1 10.0.0.0/8 nomatch",
            "add sg-1 x",
            "add sg-1",
        ] {
            assert_eq!(Change::parse(line), None, "{line}");
        }
    }
}
