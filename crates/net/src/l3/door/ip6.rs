//! The door's part for IPv6 (RFC 8200, RFC 4861): packets from the interface's own addresses, which are those that it was
//! given and the link-local one that follows from its Ethernet address (RFC 4291, appendix A), and neighbour discovery
//! that speaks of them alone. So no guest answers for another, and the table of neighbours, which the whole machine
//! shares, holds no more of a guest than it has.
//!
//! What no guest needs stays out: extension headers but for fragments, advertisements of routers and redirects.

use std::net::Ipv6Addr;

use cumulet_model::MacAddr;

use super::Door;
use super::program::{COME_IN, LOAD_BYTE, LOAD_HALF, LOAD_WORD, Program, STAY_OUT};

/// Places in a frame.
const FIRST: u32 = 14;
const LENGTH: u32 = 18;
const NEXT_HEADER: u32 = 20;
const HOP_LIMIT: u32 = 21;
const SOURCE: u32 = 22;
const BODY: u32 = 54;
/// Within a solicitation or advertisement of a neighbour: the address that it is about, and its first option.
const TARGET: u32 = 62;
const NEIGHBOUR_OPTION: u32 = 78;
/// Within a solicitation of a router: its first option.
const ROUTER_OPTION: u32 = 62;

/// Lengths without any option.
const PLAIN_NEIGHBOUR: u32 = 24;
const PLAIN_ROUTER: u32 = 8;

const FRAGMENT: u32 = 44;
const ICMPV6: u32 = 58;
/// Hop-by-hop options, routing, destination options, mobility, host identity, shim6: headers before the one that rules
/// are about.
const BEFORE: [u32; 6] = [0, 43, 60, 135, 139, 140];

const ROUTER_SOLICITATION: u32 = 133;
const ROUTER_ADVERTISEMENT: u32 = 134;
const NEIGHBOUR_SOLICITATION: u32 = 135;
const NEIGHBOUR_ADVERTISEMENT: u32 = 136;
const REDIRECT: u32 = 137;
/// What comes from the link itself has passed no router.
const FROM_THE_LINK: u32 = 255;

/// An option of one unit with the Ethernet address of a message's source or target (its type and length).
const SOURCE_ETHER: u32 = 0x0101;
const TARGET_ETHER: u32 = 0x0201;

/// The link-local address that follows from an Ethernet address.
pub fn link_local(mac: MacAddr) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac.0;
    let tail = u64::from_be_bytes([a ^ 2, b, c, 0xff, 0xfe, d, e, f]);
    Ipv6Addr::from(0xfe80 << 112 | u128::from(tail))
}

impl Door {
    pub(super) fn ip6(&self) -> Program {
        let own: Vec<Ipv6Addr> = self.ipv6.iter().copied().chain([link_local(self.mac)]).collect();
        let mut part = Program::default();
        part.load(LOAD_BYTE, FIRST).mask(0xf0).must_be(0x60).load(LOAD_BYTE, NEXT_HEADER);
        for header in BEFORE {
            part.end_if(header, STAY_OUT);
        }
        let mut fragment = Program::default();
        fragment.load(LOAD_BYTE, BODY);
        for header in BEFORE.into_iter().chain([FRAGMENT]) {
            fragment.end_if(header, STAY_OUT);
        }
        part.when(FRAGMENT, &fragment);
        part.load(LOAD_BYTE, NEXT_HEADER).when(ICMPV6, &self.discovery(&own));
        if self.forwards {
            part.run(&from_afar());
        }
        part.must_be_among(SOURCE, &own).end(COME_IN);
        part
    }

    /// Falls through for what is no neighbour discovery.
    fn discovery(&self, own: &[Ipv6Addr]) -> Program {
        let (mut solicits_router, mut solicits, mut advertises) =
            (Program::default(), Program::default(), Program::default());
        for part in [&mut solicits_router, &mut solicits, &mut advertises] {
            part.load(LOAD_BYTE, HOP_LIMIT).must_be(FROM_THE_LINK);
        }
        // From nobody, as long as the sender has no address that it is sure of (RFC 4862).
        let mut in_any_case = Program::default();
        in_any_case.end(COME_IN);
        let mut probes = Program::default();
        probes.must_be_among(TARGET, own).end(COME_IN);

        solicits_router.when_address(SOURCE, Ipv6Addr::UNSPECIFIED, &in_any_case);
        self.must_name_own_mac(&mut solicits_router, PLAIN_ROUTER, ROUTER_OPTION, SOURCE_ETHER);
        solicits_router.must_be_among(SOURCE, own).end(COME_IN);

        solicits.when_address(SOURCE, Ipv6Addr::UNSPECIFIED, &probes);
        self.must_name_own_mac(&mut solicits, PLAIN_NEIGHBOUR, NEIGHBOUR_OPTION, SOURCE_ETHER);
        solicits.must_be_among(SOURCE, own).end(COME_IN);

        self.must_name_own_mac(&mut advertises, PLAIN_NEIGHBOUR, NEIGHBOUR_OPTION, TARGET_ETHER);
        advertises.must_be_among(TARGET, own).must_be_among(SOURCE, own).end(COME_IN);

        let mut part = Program::default();
        part.load(LOAD_BYTE, BODY)
            .end_if(ROUTER_ADVERTISEMENT, STAY_OUT)
            .end_if(REDIRECT, STAY_OUT)
            .when(ROUTER_SOLICITATION, &solicits_router)
            .when(NEIGHBOUR_SOLICITATION, &solicits)
            .when(NEIGHBOUR_ADVERTISEMENT, &advertises);
        part
    }

    /// A message that is longer than `plain` has the interface's own Ethernet address as its first option, which is the
    /// one that counts.
    fn must_name_own_mac(&self, part: &mut Program, plain: u32, option: u32, kind: u32) {
        let mut named = Program::default();
        named.load(LOAD_HALF, option).must_be(kind);
        self.must_be_own_mac(&mut named, option + 2);
        part.load(LOAD_HALF, LENGTH).unless(plain, &named);
    }
}

/// Lets in what may have come from elsewhere: from neither nobody, nor a link-local address, nor a multicast one.
fn from_afar() -> Program {
    let (mut not_local, mut afar) = (Program::default(), Program::default());
    not_local.end(COME_IN);
    let mut not_multicast = Program::default();
    not_multicast.load(LOAD_HALF, SOURCE).mask(0xffc0).unless(0xfe80, &not_local);
    let mut from_somebody = Program::default();
    from_somebody.load(LOAD_BYTE, SOURCE).unless(0xff, &not_multicast);
    afar.load(LOAD_WORD, SOURCE).unless(0, &from_somebody);
    afar
}
