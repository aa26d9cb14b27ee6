//! A tap's door: what of a guest's frames comes in at all, judged frame by frame before the kernel looks into them.
//!
//! The firewall sees packets as they are after reassembly, and ARP not at all. So a guest could put a fragment of its
//! own into a neighbour's datagram, or fill the table of neighbours that the whole machine shares. The door lets in ARP
//! and IPv4 from the interface's own Ethernet address, ARP that speaks of its own address, and IPv4 from its own address
//! (from any, if it may forward) or from nobody to a DHCP server. All else stays out: IPv6, VLANs, other protocols.
//!
//! It is a program for the classic packet filter (kernel's Documentation/networking/filter.rst), run by the traffic
//! classifier `bpf` on what comes in by the tap.

use std::net::Ipv4Addr;

use cumulet_model::MacAddr;

/// Who may come in by a tap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Door {
    /// The only Ethernet address.
    pub mac: MacAddr,
    /// The only address.
    pub address: Ipv4Addr,
    /// Whether packets from other addresses may come in too.
    pub forwards: bool,
}

/// Verdicts of the classifier (linux/pkt_cls.h).
const COME_IN: u32 = 0;
const STAY_OUT: u32 = 2;

/// Instructions (linux/bpf_common.h): load 4, 2 or 1 bytes from a place in the frame, compare, return.
const LOAD_WORD: u16 = 0x20;
const LOAD_HALF: u16 = 0x28;
const LOAD_BYTE: u16 = 0x30;
const IF_EQUAL: u16 = 0x15;
const IF_ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;

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
const UDP: u32 = 17;
/// Version 4, a header of five words.
const PLAIN_HEADER: u32 = 0x45;
/// More fragments, or an offset.
const IS_FRAGMENT: u32 = 0x3fff;
const DHCP_PORTS: u32 = 68 << 16 | 67;

/// One instruction: what to do, where to go on if the comparison holds and if it doesn't, a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Step {
    code: u16,
    then: Next,
    otherwise: Next,
    number: u32,
}

/// Where to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    On,
    In,
    Out,
    /// The part for IPv4.
    Ip,
}

impl Door {
    /// The program as the kernel takes it: an array of `struct sock_filter`.
    pub fn program(&self) -> Vec<u8> {
        let steps = self.steps();
        let ends = steps.len();
        let ip = steps.iter().position(|step| step.then == Next::Ip).map_or(0, |_| self.arp().len() + HEAD);
        let mut bytes = Vec::with_capacity((ends + 2) * 8);
        for (at, step) in steps.iter().enumerate() {
            let jump = |next| {
                let to = match next {
                    Next::On => at + 1,
                    Next::In => ends,
                    Next::Out => ends + 1,
                    Next::Ip => ip,
                };
                // Jumps lead forward over fewer than 256 instructions, of which there are not so many.
                (to - at - 1) as u8
            };
            emit(&mut bytes, step.code, jump(step.then), jump(step.otherwise), step.number);
        }
        emit(&mut bytes, RETURN, 0, 0, COME_IN);
        emit(&mut bytes, RETURN, 0, 0, STAY_OUT);
        bytes
    }

    fn steps(&self) -> Vec<Step> {
        let (high, low) = self.mac_parts();
        let head = [
            load(LOAD_WORD, HAS_VLAN_TAG),
            must_be(0),
            load(LOAD_WORD, ETHER_SOURCE),
            must_be(high),
            load(LOAD_HALF, ETHER_SOURCE + 4),
            must_be(low),
            load(LOAD_HALF, ETHER_TYPE),
            go_if(IPV4, Next::Ip),
            must_be(ARP),
        ];
        debug_assert_eq!(head.len(), HEAD);
        [head.to_vec(), self.arp(), self.ip()].concat()
    }

    /// A probe for an address that is to be taken (RFC 5227) comes from nobody.
    fn arp(&self) -> Vec<Step> {
        let (high, low) = self.mac_parts();
        vec![
            load(LOAD_WORD, ARP_SENDER_ETHER),
            must_be(high),
            load(LOAD_HALF, ARP_SENDER_ETHER + 4),
            must_be(low),
            load(LOAD_WORD, ARP_SENDER),
            go_if(self.address.into(), Next::In),
            last(0),
        ]
    }

    fn ip(&self) -> Vec<Step> {
        let mut steps = vec![load(LOAD_WORD, IP_SOURCE), go_if(self.address.into(), Next::In)];
        steps.extend([
            // From nobody: only to ask for an address.
            Step { then: Next::On, otherwise: self.others(), ..must_be(0) },
            load(LOAD_WORD, IP_DESTINATION),
            must_be(Ipv4Addr::BROADCAST.into()),
            load(LOAD_BYTE, IP_FIRST),
            must_be(PLAIN_HEADER),
            load(LOAD_BYTE, IP_PROTOCOL),
            must_be(UDP),
            load(LOAD_HALF, IP_FRAGMENT),
            Step { code: IF_ANY_BIT, then: Next::Out, otherwise: Next::On, number: IS_FRAGMENT },
            load(LOAD_WORD, UDP_PORTS),
            last(DHCP_PORTS),
        ]);
        steps
    }

    fn others(&self) -> Next {
        if self.forwards { Next::In } else { Next::Out }
    }

    fn mac_parts(&self) -> (u32, u32) {
        let [a, b, c, d, e, f] = self.mac.0;
        (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([0, 0, e, f]))
    }
}

/// How many steps come before the parts for ARP and IPv4.
const HEAD: usize = 9;

fn load(code: u16, place: u32) -> Step {
    Step { code, then: Next::On, otherwise: Next::On, number: place }
}

fn must_be(number: u32) -> Step {
    Step { code: IF_EQUAL, then: Next::On, otherwise: Next::Out, number }
}

fn go_if(number: u32, then: Next) -> Step {
    Step { code: IF_EQUAL, then, otherwise: Next::On, number }
}

fn last(number: u32) -> Step {
    Step { code: IF_EQUAL, then: Next::In, otherwise: Next::Out, number }
}

fn emit(bytes: &mut Vec<u8>, code: u16, then: u8, otherwise: u8, number: u32) {
    bytes.extend(code.to_ne_bytes());
    bytes.extend([then, otherwise]);
    bytes.extend(number.to_ne_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn door(forwards: bool) -> Door {
        Door { mac: MacAddr([2, 0, 172, 31, 0, 5]), address: Ipv4Addr::new(172, 31, 0, 5), forwards }
    }

    /// Runs a program as the kernel would; a load beyond the frame ends it with 0.
    fn run(program: &[u8], frame: &[u8], tagged: bool) -> u32 {
        let (steps, rest) = program.as_chunks::<8>();
        assert!(rest.is_empty());
        let (mut at, mut value) = (0, 0);
        loop {
            let [c0, c1, then, otherwise, n0, n1, n2, n3] = steps[at];
            let number = u32::from_ne_bytes([n0, n1, n2, n3]);
            let bytes = |count: usize| {
                let place = number as usize;
                let part = frame.get(place..place + count)?;
                Some(part.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)))
            };
            let jump = |holds| usize::from(if holds { then } else { otherwise });
            let loaded = match u16::from_ne_bytes([c0, c1]) {
                LOAD_WORD if number == HAS_VLAN_TAG => Some(u32::from(tagged)),
                LOAD_WORD => bytes(4),
                LOAD_HALF => bytes(2),
                LOAD_BYTE => bytes(1),
                IF_EQUAL => {
                    at += 1 + jump(value == number);
                    continue;
                }
                IF_ANY_BIT => {
                    at += 1 + jump(value & number != 0);
                    continue;
                }
                RETURN => return number,
                code => panic!("an instruction that the walk does not know: {code:#x}"),
            };
            match loaded {
                Some(loaded) => value = loaded,
                None => return 0,
            }
            at += 1;
        }
    }

    fn comes_in(door: Door, frame: &[u8]) -> bool {
        run(&door.program(), frame, false) == COME_IN
    }

    fn frame(mac: [u8; 6], kind: u16, rest: &[u8]) -> Vec<u8> {
        [&[0xff; 6], mac.as_slice(), &kind.to_be_bytes(), rest].concat()
    }

    fn ip(source: [u8; 4], destination: [u8; 4], rest: &[u8]) -> Vec<u8> {
        let head = [0x45, 0, 0, 60, 0, 0, 0, 0, 64, 17, 0, 0];
        [&head, source.as_slice(), &destination, rest].concat()
    }

    fn arp(mac: [u8; 6], sender: [u8; 4]) -> Vec<u8> {
        [&[0, 1, 8, 0, 6, 4, 0, 1], mac.as_slice(), &sender, &[0; 10]].concat()
    }

    const MAC: [u8; 6] = [2, 0, 172, 31, 0, 5];
    const OWN: [u8; 4] = [172, 31, 0, 5];
    const OTHER: [u8; 4] = [172, 31, 0, 6];
    const NOBODY: [u8; 4] = [0; 4];
    const ALL: [u8; 4] = [255; 4];
    const DHCP: [u8; 8] = [0, 68, 0, 67, 0, 8, 0, 0];

    #[test]
    fn an_interfaces_own_packets_come_in_and_others_only_where_it_forwards() {
        assert!(comes_in(door(false), &frame(MAC, 0x0800, &ip(OWN, OTHER, &[0; 40]))));
        assert!(!comes_in(door(false), &frame(MAC, 0x0800, &ip(OTHER, OWN, &[0; 40]))));
        assert!(comes_in(door(true), &frame(MAC, 0x0800, &ip(OTHER, OWN, &[0; 40]))));
        for forwards in [false, true] {
            let other_mac = [2, 0, 172, 31, 0, 6];
            assert!(!comes_in(door(forwards), &frame(other_mac, 0x0800, &ip(OWN, OTHER, &[0; 40]))));
            assert_eq!(
                run(&door(forwards).program(), &frame(MAC, 0x0800, &ip(OWN, OTHER, &[])), true),
                STAY_OUT
            );
        }
    }

    #[test]
    fn nobody_comes_in_but_to_ask_for_an_address() {
        let packet = ip(NOBODY, ALL, &DHCP);
        assert!(comes_in(door(false), &frame(MAC, 0x0800, &packet)));
        assert!(!comes_in(door(false), &frame(MAC, 0x0800, &ip(NOBODY, OTHER, &DHCP))));
        for (place, byte) in [(0, 0x46), (6, 0x20), (7, 1), (9, 6), (21, 69), (23, 68)] {
            let mut changed = packet.clone();
            changed[place] = byte;
            assert!(!comes_in(door(false), &frame(MAC, 0x0800, &changed)), "byte {place}");
        }
    }

    #[test]
    fn arp_speaks_of_its_sender_alone_even_of_one_that_forwards() {
        for forwards in [false, true] {
            let asks = |mac, sender| comes_in(door(forwards), &frame(MAC, 0x0806, &arp(mac, sender)));
            assert!(asks(MAC, OWN) && asks(MAC, NOBODY));
            assert!(!asks(MAC, OTHER) && !asks([2, 9, 9, 9, 9, 9], OWN));
        }
    }

    proptest! {
        #[test]
        fn nothing_else_comes_in(kind: u16, forwards: bool, rest in proptest::collection::vec(any::<u8>(), 46..60)) {
            prop_assume!(kind != 0x0800 && kind != 0x0806);
            prop_assert!(!comes_in(door(forwards), &frame(MAC, kind, &rest)));
        }

        #[test]
        fn whatever_a_whole_header_says_only_the_own_source_comes_in(
            mac in prop_oneof![Just(MAC), any::<[u8; 6]>()], source: [u8; 4], destination: [u8; 4],
            rest in proptest::collection::vec(any::<u8>(), 0..60),
        ) {
            prop_assume!(source != NOBODY);
            let packet = frame(mac, 0x0800, &ip(source, destination, &rest));
            prop_assert_eq!(comes_in(door(false), &packet), mac == MAC && source == OWN);
        }
    }
}
