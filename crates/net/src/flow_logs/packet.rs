//! What a packet says of itself in its headers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The ends of a flow, as packets of one direction have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tuple {
    /// Protocol number.
    pub protocol: u8,
    /// Source.
    pub source: IpAddr,
    /// Destination.
    pub destination: IpAddr,
    /// Source port; 0 where there are no ports.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
}

impl Tuple {
    /// The same flow in the other direction.
    pub fn inverse(self) -> Self {
        Self {
            protocol: self.protocol,
            source: self.destination,
            destination: self.source,
            source_port: self.destination_port,
            destination_port: self.source_port,
        }
    }
}

/// TCP's flags that records tell of: FIN, SYN, RST, and ACK beside SYN.
pub mod tcp {
    /// The sender is done.
    pub const FIN: u8 = 0x01;
    /// The first segment of its side.
    pub const SYN: u8 = 0x02;
    /// Broken off.
    pub const RST: u8 = 0x04;
    /// Told of only beside SYN.
    pub const ACK: u8 = 0x10;
    /// The first segment of the side that answers.
    pub const SYN_ACK: u8 = SYN | ACK;

    /// Of a segment's flags those that records tell of: an ACK counts only beside a SYN.
    pub fn told(flags: u8) -> u8 {
        flags & if flags & SYN == 0 { FIN | RST } else { FIN | SYN | RST | ACK }
    }
}

/// A packet's headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// Its ends.
    pub tuple: Tuple,
    /// Its length with the IP header.
    pub bytes: u64,
    /// [`tcp::told`] of its flags.
    pub tcp_flags: u8,
}

const TCP: u8 = 6;
const UDP: u8 = 17;
const SCTP: u8 = 132;
const UDPLITE: u8 = 136;

/// Whether a protocol has ports where TCP and UDP have them.
pub fn has_ports(protocol: u8) -> bool {
    matches!(protocol, TCP | UDP | SCTP | UDPLITE)
}

/// Reads a packet whose end may be missing; `None` if it is no IP packet or its IP header is damaged.
pub fn parse(bytes: &[u8]) -> Option<Packet> {
    match bytes.first()? >> 4 {
        4 => ipv4(bytes),
        6 => ipv6(bytes),
        _ => None,
    }
}

fn ipv4(bytes: &[u8]) -> Option<Packet> {
    let header = bytes.get(..20)?;
    let header_length = usize::from(header[0] & 0xf) * 4;
    if header_length < 20 {
        return None;
    }
    let length = u64::from(u16::from_be_bytes([header[2], header[3]]));
    let is_first = u16::from_be_bytes([header[6], header[7]]) & 0x1fff == 0;
    let address = |at: usize| -> Option<IpAddr> {
        let octets: [u8; 4] = header.get(at..at + 4)?.try_into().ok()?;
        Some(Ipv4Addr::from(octets).into())
    };
    let payload = bytes.get(header_length..).filter(|_| is_first).unwrap_or_default();
    Some(packet(header[9], address(12)?, address(16)?, payload, length))
}

/// How many extension headers are looked behind.
const MOST_EXTENSIONS: usize = 8;

fn ipv6(bytes: &[u8]) -> Option<Packet> {
    let header = bytes.get(..40)?;
    let length = 40 + u64::from(u16::from_be_bytes([header[4], header[5]]));
    let address = |at: usize| -> Option<IpAddr> {
        let octets: [u8; 16] = header.get(at..at + 16)?.try_into().ok()?;
        Some(Ipv6Addr::from(octets).into())
    };
    let (mut protocol, mut payload) = (header[6], &bytes[40..]);
    for _ in 0..MOST_EXTENSIONS {
        let (next, skipped) = match (protocol, payload) {
            // Hop-by-hop, routing, destination options: length in units of 8 bytes without the first.
            (0 | 43 | 60, [next, length, ..]) => (*next, (usize::from(*length) + 1) * 8),
            // A fragment that is not the first one has no header of its protocol.
            (44, [next, _, high, low, ..]) => {
                let is_first = u16::from_be_bytes([*high, *low]) & 0xfff8 == 0;
                (*next, if is_first { 8 } else { usize::MAX })
            }
            _ => break,
        };
        (protocol, payload) = (next, payload.get(skipped..).unwrap_or_default());
    }
    Some(packet(protocol, address(8)?, address(24)?, payload, length))
}

fn packet(protocol: u8, source: IpAddr, destination: IpAddr, payload: &[u8], bytes: u64) -> Packet {
    let (source_port, destination_port) = match payload {
        &[a, b, c, d, ..] if has_ports(protocol) => (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])),
        _ => (0, 0),
    };
    let flags = if protocol == TCP { payload.get(13).copied().unwrap_or_default() } else { 0 };
    let tuple = Tuple { protocol, source, destination, source_port, destination_port };
    Packet { tuple, bytes, tcp_flags: tcp::told(flags) }
}

/// Whether it is TCP.
pub fn is_tcp(tuple: &Tuple) -> bool {
    tuple.protocol == TCP
}

/// A ping from one address to another, for tests.
#[cfg(test)]
pub fn ping(source: &str, destination: &str) -> Tuple {
    let address = |text: &str| text.parse().expect("an address");
    Tuple {
        protocol: 1,
        source: address(source),
        destination: address(destination),
        source_port: 0,
        destination_port: 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn segment() -> Vec<u8> {
        let mut bytes = vec![0x45, 0, 0, 60, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        bytes.extend([0x30, 0x39, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x12]);
        bytes
    }

    #[test]
    fn a_segment_is_read() {
        let packet = parse(&segment()).expect("a packet");
        assert_eq!(packet.tuple.source.to_string(), "10.0.0.1");
        assert_eq!((packet.tuple.source_port, packet.tuple.destination_port), (12345, 80));
        assert_eq!((packet.bytes, packet.tcp_flags), (60, tcp::SYN_ACK));
        assert_eq!(packet.tuple.inverse().inverse(), packet.tuple);
    }

    #[test]
    fn a_later_fragment_has_no_ports() {
        let mut bytes = segment();
        bytes[7] = 1;
        let packet = parse(&bytes).expect("a packet");
        assert_eq!((packet.tuple.source_port, packet.tcp_flags), (0, 0));
    }

    #[test]
    fn ipv6_is_read_behind_its_extensions() {
        let mut bytes = vec![0x60, 0, 0, 0, 0, 28, 60, 64];
        bytes.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        bytes.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
        bytes.extend([6, 0, 1, 4, 0, 0, 0, 0]);
        bytes.extend([0, 22, 0, 23, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x02]);
        let packet = parse(&bytes).expect("a packet");
        assert_eq!((packet.tuple.protocol, packet.tuple.source_port), (6, 22));
        assert_eq!((packet.bytes, packet.tcp_flags), (68, tcp::SYN));
        assert_eq!(packet.tuple.destination.to_string(), "fd00::2");
    }

    #[test]
    fn an_ack_is_told_beside_a_syn_alone() {
        assert_eq!(tcp::told(0x10), 0);
        assert_eq!(tcp::told(0x11), tcp::FIN);
        assert_eq!(tcp::told(0x14), tcp::RST);
        assert_eq!(tcp::told(0x12), tcp::SYN_ACK);
    }

    proptest! {
        #[test]
        fn no_bytes_upset_it(bytes in proptest::collection::vec(any::<u8>(), 0..120), version in 4u8..7) {
            let mut bytes = bytes;
            if let Some(first) = bytes.first_mut() {
                *first = version << 4 | *first & 0xf;
            }
            let _ = parse(&bytes);
        }
    }
}
