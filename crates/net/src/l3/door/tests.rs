//! The program, run as the kernel would, on frames of friends and foes.

use proptest::prelude::*;

use super::program::{AND, IF_ANY_BIT, IF_EQUAL, JUMP, RETURN};
use super::*;

fn door(forwards: bool) -> Door {
    Door {
        mac: MacAddr(MAC),
        addresses: vec![OWN.into(), SECOND.into()],
        ipv6: vec![OWN6, SECOND6],
        forwards,
    }
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
            AND => Some(value & number),
            JUMP => {
                at += 1 + number as usize;
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
const SECOND: [u8; 4] = [172, 31, 0, 15];
const OTHER: [u8; 4] = [172, 31, 0, 6];
const OWN6: Ipv6Addr = Ipv6Addr::new(0xfd00, 1, 0, 1, 0, 0, 0, 5);
const SECOND6: Ipv6Addr = Ipv6Addr::new(0xfd00, 1, 0, 1, 0, 0, 0, 0x15);
const OTHER6: Ipv6Addr = Ipv6Addr::new(0xfd00, 1, 0, 1, 0, 0, 0, 6);
const NOBODY: [u8; 4] = [0; 4];
const ALL: [u8; 4] = [255; 4];
const DHCP: [u8; 8] = [0, 68, 0, 67, 0, 8, 0, 0];

#[test]
fn an_interfaces_own_packets_come_in_and_others_only_where_it_forwards() {
    assert!(comes_in(door(false), &frame(MAC, 0x0800, &ip(OWN, OTHER, &[0; 40]))));
    assert!(comes_in(door(false), &frame(MAC, 0x0800, &ip(SECOND, OTHER, &[0; 40]))));
    assert!(!comes_in(door(false), &frame(MAC, 0x0800, &ip(OTHER, OWN, &[0; 40]))));
    assert!(comes_in(door(true), &frame(MAC, 0x0800, &ip(OTHER, OWN, &[0; 40]))));
    for forwards in [false, true] {
        let other_mac = [2, 0, 172, 31, 0, 6];
        assert!(!comes_in(door(forwards), &frame(other_mac, 0x0800, &ip(OWN, OTHER, &[0; 40]))));
        assert_eq!(run(&door(forwards).program(), &frame(MAC, 0x0800, &ip(OWN, OTHER, &[])), true), STAY_OUT);
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
        assert!(asks(MAC, OWN) && asks(MAC, SECOND) && asks(MAC, NOBODY));
        assert!(!asks(MAC, OTHER) && !asks([2, 9, 9, 9, 9, 9], OWN));
    }
}

proptest! {
    #[test]
    fn nothing_else_comes_in(kind: u16, forwards: bool, rest in proptest::collection::vec(any::<u8>(), 46..60)) {
        prop_assume!(![0x0800, 0x0806, 0x86dd].contains(&kind));
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

/// An IPv6 packet; `next` is what kind its body is.
fn ip6(source: Ipv6Addr, next: u8, hops: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u16).to_be_bytes();
    let head = [0x60, 0, 0, 0, length[0], length[1], next, hops];
    let packet = [&head, source.octets().as_slice(), &OTHER6.octets(), body].concat();
    frame(MAC, 0x86dd, &packet)
}

/// A message of neighbour discovery about an address, with an option that names an Ethernet address.
fn discovery(kind: u8, target: Ipv6Addr, option: Option<(u8, [u8; 6])>) -> Vec<u8> {
    let mut body = [&[kind, 0, 0, 0, 0, 0, 0, 0], target.octets().as_slice()].concat();
    if let Some((kind, mac)) = option {
        body.extend([kind, 1]);
        body.extend(mac);
    }
    body
}

const FOREIGN_MAC: [u8; 6] = [2, 9, 9, 9, 9, 9];

fn own_link_local() -> Ipv6Addr {
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0x0000, 0xacff, 0xfe1f, 0x0005)
}

#[test]
fn ipv6_comes_in_from_the_own_addresses_alone_and_not_at_all_where_there_are_none() {
    for own in [OWN6, SECOND6, own_link_local()] {
        assert!(comes_in(door(false), &ip6(own, 6, 64, &[0; 20])), "{own}");
        let without = Door { ipv6: vec![], ..door(false) };
        assert!(!comes_in(without, &ip6(own, 6, 64, &[0; 20])), "{own}");
    }
    let other_link_local = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
    for other in [OTHER6, Ipv6Addr::UNSPECIFIED, other_link_local, Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1)]
    {
        assert!(!comes_in(door(false), &ip6(other, 6, 64, &[0; 20])), "{other}");
        assert_eq!(comes_in(door(true), &ip6(other, 6, 64, &[0; 20])), other == OTHER6, "{other} forwarded");
    }
}

#[test]
fn headers_before_the_one_that_rules_are_about_stay_out_and_fragments_come_in() {
    for forwards in [false, true] {
        for header in [0u8, 43, 60, 135, 139, 140] {
            assert!(!comes_in(door(forwards), &ip6(OWN6, header, 64, &[6; 40])), "{header}");
            assert!(!comes_in(door(forwards), &ip6(OWN6, 44, 64, &[header; 40])), "{header} in a fragment");
        }
        assert!(!comes_in(door(forwards), &ip6(OWN6, 44, 64, &[44; 40])), "a fragment of a fragment");
        assert!(comes_in(door(forwards), &ip6(OWN6, 44, 64, &[17; 40])), "a fragment");
    }
}

#[test]
fn neighbour_discovery_speaks_of_its_sender_alone_even_of_one_that_forwards() {
    for forwards in [false, true] {
        let says = |source, body: Vec<u8>| comes_in(door(forwards), &ip6(source, 58, 255, &body));
        let ether = |kind, mac| Some((kind, mac));
        for own in [OWN6, SECOND6, own_link_local()] {
            assert!(says(own, discovery(135, OTHER6, ether(1, MAC))), "asks for a neighbour");
            assert!(says(own, discovery(135, OTHER6, None)));
            assert!(!says(own, discovery(135, OTHER6, ether(1, FOREIGN_MAC))));
            assert!(!says(own, discovery(135, OTHER6, ether(14, MAC))), "another option first");
            assert!(says(own, discovery(136, own, ether(2, MAC))), "answers for itself");
            assert!(says(own, discovery(136, SECOND6, None)));
            assert!(!says(own, discovery(136, own, ether(2, FOREIGN_MAC))));
            assert!(!says(own, discovery(136, OTHER6, ether(2, MAC))), "answers for another");
            assert!(!says(OTHER6, discovery(136, own, ether(2, MAC))), "in another's name");
            assert!(!says(OTHER6, discovery(135, own, ether(1, MAC))));
            assert!(says(Ipv6Addr::UNSPECIFIED, discovery(135, own, None)), "looks whether it is free");
        }
        assert!(!says(Ipv6Addr::UNSPECIFIED, discovery(135, OTHER6, None)), "another's");
        let mut asks_router = vec![133, 0, 0, 0, 0, 0, 0, 0];
        assert!(
            says(Ipv6Addr::UNSPECIFIED, asks_router.clone()) && says(own_link_local(), asks_router.clone())
        );
        asks_router.extend([1, 1]);
        asks_router.extend(MAC);
        assert!(says(own_link_local(), asks_router.clone()));
        asks_router[15] ^= 1;
        assert!(!says(own_link_local(), asks_router));
        for kind in [134, 137] {
            assert!(!says(own_link_local(), discovery(kind, OWN6, None)), "a router's message");
        }
        let from_afar = ip6(OWN6, 58, 254, &discovery(136, OWN6, ether(2, MAC)));
        assert!(!comes_in(door(forwards), &from_afar), "it passed a router");
        assert!(comes_in(door(forwards), &ip6(OWN6, 58, 64, &[128, 0, 0, 0, 0, 0, 0, 1])), "a ping");
    }
}

#[test]
fn the_door_of_as_many_addresses_as_an_interface_can_have_is_one_that_the_kernel_takes() {
    let many = Door {
        addresses: (0..50).map(|n| Ipv4Addr::new(172, 31, 1, n)).collect(),
        ipv6: (0..50).map(|n| Ipv6Addr::new(0xfd00, 1, 0, 1, 0, 0, 0, n)).collect(),
        ..door(false)
    };
    // `BPF_MAXINSNS`.
    assert!(many.program().len() / 8 <= 4096, "{}", many.program().len() / 8);
    for own in &many.ipv6 {
        assert!(comes_in(many.clone(), &ip6(*own, 58, 255, &discovery(136, *own, Some((2, MAC))))));
    }
}
