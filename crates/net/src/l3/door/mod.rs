//! A tap's door: what of a guest's frames comes in at all, judged frame by frame before the kernel looks into them.
//!
//! The firewall sees packets as they are after reassembly, and ARP not at all. So a guest could put a fragment of its
//! own into a neighbour's datagram, or fill the table of neighbours that the whole machine shares. The door lets in, from
//! the interface's own Ethernet address: ARP that speaks of its own addresses; IPv4 from its own addresses (from any, if
//! it may forward) or from nobody to a DHCP server; IPv6, if it has addresses there ([`ip6`]). All else stays out: VLANs,
//! other protocols.
//!
//! It is a program for the classic packet filter, run by the traffic classifier `bpf` on what comes in by the tap.

mod ip6;
mod program;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, Ipv6Addr};

use cumulet_model::MacAddr;
use cumulet_ports::network::InterfaceSpec;

pub use ip6::link_local;
use program::{COME_IN, LOAD_BYTE, LOAD_HALF, LOAD_WORD, Program, STAY_OUT};

/// Who may come in by a tap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Door {
    /// The only Ethernet address.
    pub mac: MacAddr,
    /// The only IPv4 addresses.
    pub addresses: Vec<Ipv4Addr>,
    /// The only IPv6 addresses, beside the link-local one that follows from the Ethernet address; without any, IPv6
    /// stays out.
    pub ipv6: Vec<Ipv6Addr>,
    /// Whether packets from other addresses may come in too.
    pub forwards: bool,
}

/// Places in a frame (RFC 894, RFC 826, RFC 791, RFC 768), where the IPv4 header has no options.
const ETHER_SOURCE: u32 = 6;
const ETHER_TYPE: u32 = 12;
const IP_FIRST: u32 = 14;
const IP_FRAGMENT: u32 = 20;
const IP_PROTOCOL: u32 = 23;
const IP_SOURCE: u32 = 26;
const IP_DESTINATION: u32 = 30;
const UDP_PORTS: u32 = 34;
const ARP_SENDER_ETHER: u32 = 22;
const ARP_SENDER: u32 = 28;
/// Not a place in the frame: whether it came with a VLAN tag (linux/filter.h, `SKF_AD_VLAN_TAG_PRESENT`).
const HAS_VLAN_TAG: u32 = 0xffff_f000 + 48;

const IPV4: u32 = 0x0800;
const ARP: u32 = 0x0806;
const IPV6: u32 = 0x86dd;
const UDP: u32 = 17;
/// Version 4, a header of five words.
const PLAIN_HEADER: u32 = 0x45;
/// More fragments, or an offset.
const IS_FRAGMENT: u32 = 0x3fff;
const DHCP_PORTS: u32 = 68 << 16 | 67;

impl Door {
    /// The door of an interface's tap.
    pub fn of(interface: &InterfaceSpec) -> Self {
        Self {
            mac: interface.mac,
            addresses: interface.ipv4().map(|(private, _)| private).collect(),
            ipv6: interface.ipv6.clone(),
            forwards: !interface.source_dest_check,
        }
    }

    /// The program as the kernel takes it: an array of `struct sock_filter`.
    pub fn program(&self) -> Vec<u8> {
        let mut program = Program::default();
        program.load(LOAD_WORD, HAS_VLAN_TAG).must_be(0);
        self.must_be_own_mac(&mut program, ETHER_SOURCE);
        program.load(LOAD_HALF, ETHER_TYPE).when(IPV4, &self.ip()).when(ARP, &self.arp());
        if !self.ipv6.is_empty() {
            program.when(IPV6, &self.ip6());
        }
        program.end(STAY_OUT).bytes()
    }

    /// A probe for an address that is to be taken (RFC 5227) comes from nobody.
    fn arp(&self) -> Program {
        let mut part = Program::default();
        self.must_be_own_mac(&mut part, ARP_SENDER_ETHER);
        part.load(LOAD_WORD, ARP_SENDER);
        for own in &self.addresses {
            part.end_if((*own).into(), COME_IN);
        }
        part.end_if(0, COME_IN).end(STAY_OUT);
        part
    }

    fn ip(&self) -> Program {
        let mut from_nobody = Program::default();
        from_nobody
            .load(LOAD_WORD, IP_DESTINATION)
            .must_be(Ipv4Addr::BROADCAST.into())
            .load(LOAD_BYTE, IP_FIRST)
            .must_be(PLAIN_HEADER)
            .load(LOAD_BYTE, IP_PROTOCOL)
            .must_be(UDP)
            .load(LOAD_HALF, IP_FRAGMENT)
            .must_lack(IS_FRAGMENT)
            .load(LOAD_WORD, UDP_PORTS)
            .must_be(DHCP_PORTS)
            .end(COME_IN);
        let mut part = Program::default();
        part.load(LOAD_WORD, IP_SOURCE);
        for own in &self.addresses {
            part.end_if((*own).into(), COME_IN);
        }
        // From nobody: only to ask for an address.
        part.when(0, &from_nobody).end(if self.forwards { COME_IN } else { STAY_OUT });
        part
    }

    fn must_be_own_mac(&self, part: &mut Program, place: u32) {
        let [a, b, c, d, e, f] = self.mac.0;
        part.load(LOAD_WORD, place).must_be(u32::from_be_bytes([a, b, c, d]));
        part.load(LOAD_HALF, place + 4).must_be(u32::from_be_bytes([0, 0, e, f]));
    }
}
