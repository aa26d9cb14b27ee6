//! A packet, as far as a network's rules look at it.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::security::Traffic;

/// A packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Packet {
    /// Where from.
    pub source: IpAddr,
    /// Where to; of the same family.
    pub destination: IpAddr,
    /// What it carries.
    pub protocol: Protocol,
}

/// What a packet carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// TCP, the first segment of a connection or its answer.
    Tcp {
        /// Source port.
        source: u16,
        /// Destination port.
        destination: u16,
    },
    /// UDP.
    Udp {
        /// Source port.
        source: u16,
        /// Destination port.
        destination: u16,
    },
    /// ICMP.
    Icmp {
        /// Type.
        icmp_type: u8,
        /// Code.
        code: u8,
    },
    /// ICMP of IPv6.
    Icmpv6 {
        /// Type.
        icmp_type: u8,
        /// Code.
        code: u8,
    },
    /// Another protocol, by its number.
    Other(u8),
}

impl Protocol {
    /// Its number.
    pub fn number(self) -> u8 {
        match self {
            Self::Icmp { .. } => 1,
            Self::Tcp { .. } => 6,
            Self::Udp { .. } => 17,
            Self::Icmpv6 { .. } => 58,
            Self::Other(number) => number,
        }
    }

    /// Its name, or its number where it has no ports or types that we know.
    pub fn name(self) -> String {
        match self {
            Self::Icmp { .. } => "icmp".into(),
            Self::Tcp { .. } => "tcp".into(),
            Self::Udp { .. } => "udp".into(),
            Self::Icmpv6 { .. } => "icmpv6".into(),
            Self::Other(number) => number.to_string(),
        }
    }

    /// Source and destination port.
    pub fn ports(self) -> Option<(u16, u16)> {
        match self {
            Self::Tcp { source, destination } | Self::Udp { source, destination } => {
                Some((source, destination))
            }
            _ => None,
        }
    }

    /// Whether a rule means it.
    pub fn is_meant_by(self, traffic: Traffic) -> bool {
        let fits = |wanted: Option<u8>, has: u8| wanted.is_none_or(|wanted| wanted == has);
        match (traffic, self) {
            (Traffic::All, _) => true,
            (Traffic::Tcp(range), Self::Tcp { destination, .. })
            | (Traffic::Udp(range), Self::Udp { destination, .. }) => range.contains(destination),
            (Traffic::Icmp { icmp_type: t, code: c }, Self::Icmp { icmp_type, code })
            | (Traffic::Icmpv6 { icmp_type: t, code: c }, Self::Icmpv6 { icmp_type, code }) => {
                fits(t, icmp_type) && fits(c, code)
            }
            (Traffic::Protocol(number), _) => number == self.number(),
            _ => false,
        }
    }

    /// What answers it; `None` for messages that ask for nothing.
    fn answer(self) -> Option<Self> {
        Some(match self {
            Self::Tcp { source, destination } => Self::Tcp { source: destination, destination: source },
            Self::Udp { source, destination } => Self::Udp { source: destination, destination: source },
            Self::Icmp { icmp_type: 8, code } => Self::Icmp { icmp_type: 0, code },
            Self::Icmpv6 { icmp_type: 128, code } => Self::Icmpv6 { icmp_type: 129, code },
            Self::Icmp { .. } | Self::Icmpv6 { .. } => return None,
            Self::Other(number) => Self::Other(number),
        })
    }
}

impl Packet {
    /// The packet that answers it, if it is of a kind that is answered.
    pub fn answer(self) -> Option<Self> {
        let protocol = self.protocol.answer()?;
        Some(Self { source: self.destination, destination: self.source, protocol })
    }
}

impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, destination, protocol } = self;
        match protocol {
            Protocol::Tcp { source: from, destination: to }
            | Protocol::Udp { source: from, destination: to } => {
                let (a, b) = ((*source, *from), (*destination, *to));
                let shown = |(address, port)| std::net::SocketAddr::new(address, port);
                write!(f, "{} {} -> {}", protocol.name(), shown(a), shown(b))
            }
            Protocol::Icmp { icmp_type, code } | Protocol::Icmpv6 { icmp_type, code } => {
                write!(f, "{} {icmp_type}/{code} {source} -> {destination}", protocol.name())
            }
            Protocol::Other(number) => write!(f, "protocol {number} {source} -> {destination}"),
        }
    }
}
