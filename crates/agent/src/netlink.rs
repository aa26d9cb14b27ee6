//! As much of rtnetlink(7) as a change of identity needs. By hand: a program for each change would cost a fork most of
//! its time, and the image may not have one.

use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;

use cumulet_agent_protocol::{Cidr, Mac, Route};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with};

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const RTM_NEWLINK: u16 = 16;
const RTM_NEWADDR: u16 = 20;
const RTM_DELADDR: u16 = 21;
const RTM_GETADDR: u16 = 22;
const RTM_NEWROUTE: u16 = 24;
const RTM_DELROUTE: u16 = 25;
const RTM_GETROUTE: u16 = 26;
const RTM_DELNEIGH: u16 = 29;
const RTM_GETNEIGH: u16 = 30;

const REQUEST: u16 = 0x1;
const ACK: u16 = 0x4;
const REPLACE: u16 = 0x100;
const CREATE: u16 = 0x400;
const DUMP: u16 = 0x300;

const IFF_UP: u32 = 1;
const IFLA_ADDRESS: u16 = 1;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
/// No wait for a neighbour that has the address already: the host knows that there is none.
const IFA_F_NODAD: u8 = 2;
const RT_SCOPE_UNIVERSE: u8 = 0;
const RT_SCOPE_LINK: u8 = 253;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_PRIORITY: u16 = 6;
const RT_TABLE_MAIN: u8 = 254;
const RTPROT_KERNEL: u8 = 2;
const RTPROT_STATIC: u8 = 4;
const RTN_UNICAST: u8 = 1;
/// The gateway is on the link, whatever the addresses say.
const RTNH_F_ONLINK: u8 = 4;
const NDA_DST: u16 = 1;
const NUD_NOARP_OR_PERMANENT: u16 = 0x40 | 0x80;

const NLMSG_HEADER: usize = 16;
/// The longest answer to a dump is a page or a few.
const BUFFER: usize = 64 * 1024;
/// How many entries of a dump are read.
const MOST: usize = 100_000;

/// An interface by its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link(pub u32);

/// An address of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    /// It and its prefix.
    pub cidr: Cidr,
    /// Whether it is of the link alone.
    pub is_link_local: bool,
}

/// A conversation with the kernel.
#[derive(Debug)]
pub struct Netlink {
    socket: OwnedFd,
    sequence: u32,
}

impl Netlink {
    /// Opens it.
    pub fn open() -> io::Result<Self> {
        // No protocol is NETLINK_ROUTE.
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Sets an interface's hardware address, also of one that is up.
    pub fn set_mac(&mut self, link: Link, mac: Mac) -> io::Result<()> {
        let mut message = link_message(link, 0);
        attribute(&mut message, IFLA_ADDRESS, &mac.0);
        self.order(RTM_NEWLINK, 0, &message)
    }

    /// Sets an interface up.
    pub fn set_up(&mut self, link: Link) -> io::Result<()> {
        self.order(RTM_NEWLINK, 0, &link_message(link, IFF_UP))
    }

    /// An interface's addresses.
    pub fn addresses(&mut self, link: Link) -> io::Result<Vec<Address>> {
        let all = self.dump(RTM_GETADDR, &[0; 8])?;
        Ok(all.iter().filter_map(|message| read_address(message, link)).collect())
    }

    /// Adds an address that may be there already.
    pub fn add_address(&mut self, link: Link, cidr: Cidr) -> io::Result<()> {
        self.order(RTM_NEWADDR, CREATE | REPLACE, &address_message(link, cidr))
    }

    /// Removes an address.
    pub fn remove_address(&mut self, link: Link, cidr: Cidr) -> io::Result<()> {
        self.order(RTM_DELADDR, 0, &address_message(link, cidr))
    }

    /// An interface's routes in the main table, but those that come with its addresses, as the kernel describes them.
    pub fn routes(&mut self, link: Link) -> io::Result<Vec<Vec<u8>>> {
        let all = self.dump(RTM_GETROUTE, &[0; 12])?;
        Ok(all.into_iter().filter(|message| is_route_of(message, link)).collect())
    }

    /// Removes a route that [`Netlink::routes`] gave.
    pub fn remove_route(&mut self, route: &[u8]) -> io::Result<()> {
        self.order(RTM_DELROUTE, 0, route)
    }

    /// Adds a route that may be there already.
    pub fn add_route(&mut self, link: Link, route: &Route) -> io::Result<()> {
        self.order(RTM_NEWROUTE, CREATE | REPLACE, &route_message(link, route))
    }

    /// Forgets the hardware addresses of neighbours: those of a fork's source were told by another router.
    pub fn forget_neighbours(&mut self, link: Link) -> io::Result<()> {
        for message in self.dump(RTM_GETNEIGH, &[0; 12])? {
            if is_learnt_neighbour(&message, link) {
                // It may have gone by itself.
                _ = self.order(RTM_DELNEIGH, 0, &message);
            }
        }
        Ok(())
    }

    /// Asks for a change and waits until it is done.
    fn order(&mut self, kind: u16, flags: u16, body: &[u8]) -> io::Result<()> {
        self.send(kind, REQUEST | ACK | flags, body)?;
        self.answers().map(drop)
    }

    fn dump(&mut self, kind: u16, body: &[u8]) -> io::Result<Vec<Vec<u8>>> {
        self.send(kind, REQUEST | DUMP, body)?;
        self.answers()
    }

    fn send(&mut self, kind: u16, flags: u16, body: &[u8]) -> io::Result<()> {
        self.sequence += 1;
        let mut message = Vec::with_capacity(NLMSG_HEADER + body.len());
        message.extend(((NLMSG_HEADER + body.len()) as u32).to_ne_bytes());
        message.extend(kind.to_ne_bytes());
        message.extend(flags.to_ne_bytes());
        message.extend(self.sequence.to_ne_bytes());
        message.extend(0_u32.to_ne_bytes());
        message.extend(body);
        sendto(&self.socket, &message, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
        Ok(())
    }

    /// The bodies of all answers to the last question.
    fn answers(&mut self) -> io::Result<Vec<Vec<u8>>> {
        let mut bodies = Vec::new();
        let mut buffer = vec![0; BUFFER];
        while bodies.len() < MOST {
            let (count, _) = recv(&self.socket, &mut buffer[..], RecvFlags::empty())?;
            for (kind, sequence, body) in messages(&buffer[..count]) {
                if sequence != self.sequence {
                    continue;
                }
                match kind {
                    NLMSG_DONE => return Ok(bodies),
                    NLMSG_ERROR => {
                        return match int(body, 0).map(u32::cast_signed) {
                            Some(0) => Ok(bodies),
                            Some(code) => Err(io::Error::from_raw_os_error(-code)),
                            None => Err(io::ErrorKind::InvalidData.into()),
                        };
                    }
                    _ => bodies.push(body.to_vec()),
                }
            }
        }
        Err(io::ErrorKind::InvalidData.into())
    }
}

/// The messages of a datagram: kind, sequence number, body.
fn messages(mut bytes: &[u8]) -> Vec<(u16, u32, &[u8])> {
    let mut found = Vec::new();
    while let (Some(length), Some(kind), Some(sequence)) = (int(bytes, 0), short(bytes, 4), int(bytes, 8)) {
        let length = length as usize;
        let Some(body) = bytes.get(NLMSG_HEADER..length) else { break };
        found.push((kind, sequence, body));
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    found
}

/// The attributes behind a body's fixed part.
fn attributes(mut bytes: &[u8]) -> Vec<(u16, &[u8])> {
    let mut found = Vec::new();
    while let (Some(length), Some(kind)) = (short(bytes, 0), short(bytes, 2)) {
        let length = usize::from(length);
        let Some(value) = bytes.get(4..length) else { break };
        found.push((kind, value));
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    found
}

fn find<'a>(attributes: &[(u16, &'a [u8])], kind: u16) -> Option<&'a [u8]> {
    attributes.iter().find(|(own, _)| *own == kind).map(|(_, value)| *value)
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn int(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn attribute(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    // Values are addresses and numbers: a length fits.
    message.extend(((4 + value.len()) as u16).to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(value);
    message.resize(message.len().next_multiple_of(4), 0);
}

fn family(address: IpAddr) -> u8 {
    if address.is_ipv4() { 2 } else { 10 }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn address_of(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => Some(IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?)),
        16 => Some(IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?)),
        _ => None,
    }
}

/// `struct ifinfomsg`; `up` is also the mask of what changes.
fn link_message(link: Link, up: u32) -> Vec<u8> {
    let mut message = vec![0; 4];
    message.extend(link.0.to_ne_bytes());
    message.extend(up.to_ne_bytes());
    message.extend(up.to_ne_bytes());
    message
}

/// `struct ifaddrmsg` and the address.
fn address_message(link: Link, cidr: Cidr) -> Vec<u8> {
    let is_link_local = matches!(cidr.address, IpAddr::V6(address) if address.is_unicast_link_local());
    let scope = if is_link_local { RT_SCOPE_LINK } else { RT_SCOPE_UNIVERSE };
    let flags = if cidr.address.is_ipv6() { IFA_F_NODAD } else { 0 };
    let mut message = vec![family(cidr.address), cidr.prefix, flags, scope];
    message.extend(link.0.to_ne_bytes());
    attribute(&mut message, IFA_LOCAL, &octets(cidr.address));
    attribute(&mut message, IFA_ADDRESS, &octets(cidr.address));
    message
}

fn read_address(message: &[u8], link: Link) -> Option<Address> {
    if int(message, 4)? != link.0 {
        return None;
    }
    let attributes = attributes(message.get(8..)?);
    let address = find(&attributes, IFA_LOCAL).or_else(|| find(&attributes, IFA_ADDRESS))?;
    let cidr = Cidr { address: address_of(address)?, prefix: message[1] };
    Some(Address { cidr, is_link_local: message[3] == RT_SCOPE_LINK })
}

/// `struct rtmsg` and what belongs to it.
fn route_message(link: Link, route: &Route) -> Vec<u8> {
    let destination = route.destination;
    let scope = if route.gateway.is_some() { RT_SCOPE_UNIVERSE } else { RT_SCOPE_LINK };
    let onlink = if route.gateway.is_some() { RTNH_F_ONLINK } else { 0 };
    let mut message = vec![family(destination.address), destination.prefix, 0, 0];
    message.extend([RT_TABLE_MAIN, RTPROT_STATIC, scope, RTN_UNICAST]);
    message.extend(u32::from(onlink).to_ne_bytes());
    if destination.prefix > 0 {
        attribute(&mut message, RTA_DST, &octets(destination.address));
    }
    attribute(&mut message, RTA_OIF, &link.0.to_ne_bytes());
    if let Some(gateway) = route.gateway {
        attribute(&mut message, RTA_GATEWAY, &octets(gateway));
    }
    let metric = route.metric.unwrap_or_else(|| link.0.saturating_add(100));
    attribute(&mut message, RTA_PRIORITY, &metric.to_ne_bytes());
    message
}

fn is_route_of(message: &[u8], link: Link) -> bool {
    let (Some(&[table, protocol, _, kind]), Some(rest)) =
        (message.get(4..8).and_then(|fixed| fixed.first_chunk()), message.get(12..))
    else {
        return false;
    };
    let by = find(&attributes(rest), RTA_OIF).and_then(|value| int(value, 0));
    table == RT_TABLE_MAIN && protocol != RTPROT_KERNEL && kind == RTN_UNICAST && by == Some(link.0)
}

fn is_learnt_neighbour(message: &[u8], link: Link) -> bool {
    let (Some(index), Some(state), Some(rest)) = (int(message, 4), short(message, 8), message.get(12..))
    else {
        return false;
    };
    index == link.0 && state & NUD_NOARP_OR_PERMANENT == 0 && find(&attributes(rest), NDA_DST).is_some()
}

#[cfg(test)]
mod tests;
