//! The two address families, in what the firewall is the same for both and in what it is not.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use cumulet_ports::network::{InterfaceSpec, SubnetSpec};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// An address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::V4, Self::V6];

    /// How many bits an address has.
    pub fn bits(self) -> u32 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }

    /// An address by its number.
    pub fn address(self, number: u128) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::from(number as u32).into(),
            Self::V6 => Ipv6Addr::from(number).into(),
        }
    }

    /// The family of a block.
    pub fn of(block: &IpNet) -> Self {
        match block {
            IpNet::V4(_) => Self::V4,
            IpNet::V6(_) => Self::V6,
        }
    }

    /// An interface's own addresses, each with its public one if it has another there.
    pub fn addresses(self, interface: &InterfaceSpec) -> Vec<(IpAddr, Option<IpAddr>)> {
        match self {
            Self::V4 => {
                interface.ipv4().map(|(own, public)| (own.into(), public.map(IpAddr::from))).collect()
            }
            Self::V6 => interface.ipv6.iter().map(|own| (IpAddr::from(*own), None)).collect(),
        }
    }

    /// A subnet's block.
    pub fn block(self, subnet: &SubnetSpec) -> Option<IpNet> {
        match self {
            Self::V4 => Some(subnet.cidr.into()),
            Self::V6 => subnet.ipv6_cidr.map(IpNet::from),
        }
    }
}

/// The number of an address, by which it is sorted.
pub fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

/// What names addresses: one, or a block.
pub trait Block {
    /// As a block.
    fn block(self) -> IpNet;
}

impl Block for IpNet {
    fn block(self) -> IpNet {
        self
    }
}

impl Block for IpAddr {
    fn block(self) -> IpNet {
        self.into()
    }
}

impl Block for Ipv4Addr {
    fn block(self) -> IpNet {
        IpAddr::from(self).into()
    }
}

impl Block for Ipv6Addr {
    fn block(self) -> IpNet {
        IpAddr::from(self).into()
    }
}

impl Block for Ipv4Net {
    fn block(self) -> IpNet {
        self.into()
    }
}

impl Block for Ipv6Net {
    fn block(self) -> IpNet {
        self.into()
    }
}
