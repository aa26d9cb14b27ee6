//! A route: what we say of one, and the kernel's message for it.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use rtnetlink::RouteMessageBuilder;

use super::ROUTE_PROTOCOL;

/// The table that is asked where no rule names another.
pub const MAIN: u32 = RouteHeader::RT_TABLE_MAIN as u32;
/// What the kernel gives an IPv6 route that is told no priority.
const USUAL_PRIORITY: u32 = 1024;

/// A route.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// The table that it is in.
    pub table: u32,
    /// Where to.
    pub to: IpNet,
    /// How.
    pub way: Way,
}

/// How a route leads where it does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// To neighbours on a link.
    OnLink {
        /// The link.
        link: String,
    },
    /// By a router, which is a neighbour on a link whatever our own addresses there are.
    Via {
        /// The router.
        router: IpAddr,
        /// The link.
        link: String,
        /// The own address that connections along the route begin with.
        source: Option<IpAddr>,
    },
    /// Nowhere: senders hear that the destination is unreachable.
    Unreachable,
    /// Nowhere, and nobody hears of it.
    Blackhole,
    /// Not by this table: the next rule is asked.
    Throw,
}

impl Route {
    /// A route in the main table.
    pub fn new(to: impl Into<IpNet>, way: Way) -> Self {
        Self::within(MAIN, to, way)
    }

    /// A route in another table.
    pub fn within(table: u32, to: impl Into<IpNet>, way: Way) -> Self {
        Self { table, to: to.into(), way }
    }

    /// The link, if it names one.
    pub fn link(&self) -> Option<&str> {
        match &self.way {
            Way::OnLink { link } | Way::Via { link, .. } => Some(link),
            Way::Unreachable | Way::Blackhole | Way::Throw => None,
        }
    }

    /// The message that makes it, by the link of that index.
    pub(super) fn message(&self, index: Option<u32>) -> RouteMessage {
        let mut message = RouteMessageBuilder::<IpAddr>::new()
            .protocol(RouteProtocol::Other(ROUTE_PROTOCOL))
            .table_id(self.table);
        if let Some(index) = index {
            message = message.output_interface(index);
        }
        let mut message = match &self.way {
            Way::OnLink { .. } => message.scope(RouteScope::Link),
            Way::Via { .. } => message.onlink(),
            Way::Unreachable => message.kind(RouteType::Unreachable),
            Way::Blackhole => message.kind(RouteType::BlackHole),
            Way::Throw => message.kind(RouteType::Throw),
        };
        let made = message.get_mut();
        made.header.address_family = family(&self.to);
        made.header.destination_prefix_length = self.to.prefix_len();
        made.attributes.push(RouteAttribute::Destination(address(self.to.network())));
        if let Way::Via { router, source, .. } = &self.way {
            made.attributes.push(RouteAttribute::Gateway(address(*router)));
            made.attributes.extend(source.map(|source| RouteAttribute::PrefSource(address(source))));
        }
        message.build()
    }

    /// What a message says; `None` if it says more than we ever do.
    pub(super) fn read(message: &RouteMessage, link: Option<String>) -> Option<Self> {
        let to = destination(message)?;
        let (mut router, mut source) = (None, None);
        for attribute in &message.attributes {
            match attribute {
                RouteAttribute::Gateway(address) => router = plain(address),
                RouteAttribute::PrefSource(address) => source = plain(address),
                RouteAttribute::MultiPath(_) => return None,
                RouteAttribute::Priority(1..) if matches!(to, IpNet::V4(_)) => return None,
                RouteAttribute::Priority(n) if !matches!(*n, 0 | USUAL_PRIORITY) => return None,
                _ => {}
            }
        }
        let way = match (message.header.kind, link, router) {
            // IPv6 has all that leads nowhere on a link of no meaning.
            (RouteType::Unreachable, _, None) => Way::Unreachable,
            (RouteType::BlackHole, _, None) => Way::Blackhole,
            (RouteType::Throw, _, None) => Way::Throw,
            (RouteType::Unicast, Some(link), None) if source.is_none() => Way::OnLink { link },
            (RouteType::Unicast, Some(link), Some(router)) => Way::Via { router, link, source },
            _ => return None,
        };
        Some(Self { table: table(message), to, way })
    }
}

/// The table that a message speaks of.
pub(super) fn table(message: &RouteMessage) -> u32 {
    let said = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Table(number) => Some(*number),
        _ => None,
    });
    said.unwrap_or(message.header.table.into())
}

/// Where the route of a message leads to.
pub(super) fn destination(message: &RouteMessage) -> Option<IpNet> {
    let base = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Destination(address) => plain(address),
        _ => None,
    });
    let length = message.header.destination_prefix_length;
    match (message.header.address_family, base) {
        (_, Some(base)) => IpNet::new(base, length).ok(),
        (AddressFamily::Inet, None) => Some(Ipv4Net::new([0; 4].into(), length).ok()?.into()),
        (AddressFamily::Inet6, None) => Some(Ipv6Net::new([0; 16].into(), length).ok()?.into()),
        _ => None,
    }
}

/// The link that the route of a message leads by.
pub(super) fn output(message: &RouteMessage) -> Option<u32> {
    message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Oif(index) => Some(*index),
        _ => None,
    })
}

/// The family of a range of addresses.
pub(super) fn family(net: &IpNet) -> AddressFamily {
    match net {
        IpNet::V4(_) => AddressFamily::Inet,
        IpNet::V6(_) => AddressFamily::Inet6,
    }
}

fn address(ip: IpAddr) -> RouteAddress {
    match ip {
        IpAddr::V4(ip) => RouteAddress::Inet(ip),
        IpAddr::V6(ip) => RouteAddress::Inet6(ip),
    }
}

fn plain(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(ip) => Some((*ip).into()),
        RouteAddress::Inet6(ip) => Some((*ip).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read_so() {
        let via = |router: &str, link: &str| Way::Via {
            router: router.parse().unwrap(),
            link: link.to_owned(),
            source: None,
        };
        for (to, way) in [
            ("10.0.0.5/32", Way::OnLink { link: "tap1".to_owned() }),
            ("0.0.0.0/0", via("169.254.254.1", "igw")),
            ("10.0.0.0/16", Way::Throw),
            ("0.0.0.0/0", Way::Blackhole),
            ("fd00::/56", Way::Unreachable),
            ("::/0", via("fe80::1", "igw")),
        ] {
            let route = Route::within(1007, to.parse::<IpNet>().unwrap(), way);
            let message = route.message(route.link().map(|_| 3));
            assert_eq!(Route::read(&message, route.link().map(str::to_owned)), Some(route));
        }
    }
}
