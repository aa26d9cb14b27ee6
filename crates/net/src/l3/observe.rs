//! What a namespace holds, read over netlink.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use cumulet_model::MacAddr;
use futures::TryStreamExt;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::AddressAttribute;
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_packet_route::route::{RouteHeader, RouteMessage, RouteProtocol, RouteType};
use rtnetlink::{IpVersion, RouteMessageBuilder};

use super::route::{destination, output};
use super::routes::is_unknown_family;
use super::{Links, ROUTE_PROTOCOL};
use crate::error::NetError;
use crate::sys::NetNs;

/// A link that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Index in its namespace.
    pub index: u32,
    /// Whether it is set up.
    pub up: bool,
    /// MTU in bytes.
    pub mtu: u32,
    /// Ethernet address, if it has one.
    pub mac: Option<MacAddr>,
    /// For one end of a veth pair, the other end's index in its namespace.
    pub peer: Option<u32>,
}

/// The namespace's links by name.
pub async fn links(ns: &NetNs) -> Result<Links, NetError> {
    let messages: Vec<_> = ns
        .netlink()
        .link()
        .get()
        .execute()
        .try_collect()
        .await
        .map_err(NetError::netlink(format!("list the links of {}", ns.name())))?;
    Ok(messages.into_iter().filter_map(link_of).collect())
}

/// The link of that name, if there is one. Asks for this one alone: a list would be refused while another call on the
/// same socket is being given one, and it is long.
pub async fn link(ns: &NetNs, name: &str) -> Result<Option<Link>, NetError> {
    let found = ns.netlink().link().get().match_name(name.to_owned()).execute().try_next().await;
    match found {
        Ok(found) => Ok(found.and_then(link_of).map(|(_, link)| link)),
        Err(rtnetlink::Error::NetlinkError(told)) if told.raw_code() == -nix::libc::ENODEV => Ok(None),
        Err(error) => Err(NetError::netlink(format!("look for the link {name} of {}", ns.name()))(error)),
    }
}

fn link_of(message: LinkMessage) -> Option<(String, Link)> {
    let (mut name, mut mtu, mut mac, mut peer) = (None, 0, None, None);
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::IfName(text) => name = Some(text),
            LinkAttribute::Mtu(bytes) => mtu = bytes,
            LinkAttribute::Address(bytes) => mac = bytes.as_slice().try_into().ok().map(MacAddr),
            LinkAttribute::Link(index) => peer = Some(index),
            _ => {}
        }
    }
    let up = message.header.flags.contains(LinkFlags::Up);
    Some((name?, Link { index: message.header.index, up, mtu, mac, peer }))
}

/// The smallest MTU of the links that the default routes lead by; `None` if there is no default route.
pub async fn default_mtu(ns: &NetNs) -> Result<Option<u32>, NetError> {
    let links = links(ns).await?;
    let outputs = all_routes(ns, IpVersion::V4).await?.into_iter().filter(|message| {
        message.header.destination_prefix_length == 0
            && message.header.table == RouteHeader::RT_TABLE_MAIN
            && message.header.kind == RouteType::Unicast
    });
    let outputs: BTreeSet<u32> = outputs.filter_map(|message| output(&message)).collect();
    Ok(links.values().filter(|link| outputs.contains(&link.index)).map(|link| link.mtu).min())
}

/// The addresses of links, by index.
pub(super) async fn addresses(ns: &NetNs) -> Result<BTreeSet<(u32, IpAddr, u8)>, NetError> {
    let messages: Vec<_> = ns
        .netlink()
        .address()
        .get()
        .execute()
        .try_collect()
        .await
        .map_err(NetError::netlink(format!("list the addresses of {}", ns.name())))?;
    Ok(messages
        .iter()
        .filter_map(|message| {
            let is_v6 = message.header.family == AddressFamily::Inet6;
            let address = message.attributes.iter().find_map(|attribute| match attribute {
                AddressAttribute::Local(address) => Some(*address),
                // IPv6 says it so when the other end is not said.
                AddressAttribute::Address(address) if is_v6 => Some(*address),
                _ => None,
            });
            Some((message.header.index, address?, message.header.prefix_len))
        })
        .collect())
}

/// Where others' routes lead that would take packets to `net` from ours, or ours from theirs: routes into it that are
/// not by `own` link, and wider ones of another installation.
pub async fn others_routes(ns: &NetNs, net: Ipv4Net, own: &str) -> Result<Vec<Ipv4Net>, NetError> {
    let own = links(ns).await?.get(own).map(|link| link.index);
    let routes = all_routes(ns, IpVersion::V4).await?.into_iter().filter(|message| {
        message.header.table == RouteHeader::RT_TABLE_MAIN && (own.is_none() || output(message) != own)
    });
    Ok(routes
        .filter_map(|message| {
            let ours_by_kind = message.header.protocol == RouteProtocol::Other(ROUTE_PROTOCOL);
            let IpNet::V4(to) = destination(&message)? else { return None };
            (net.contains(&to) || (ours_by_kind && to.contains(&net))).then_some(to)
        })
        .collect())
}

/// Wider routes than this lead to the internet, such as the two halves that some VPNs make of the default route.
const WIDEST_LAN: u8 = 8;

/// The networks that the host has routes of its own to, beside the default: its LANs, its VPNs, its containers.
pub async fn networks_around(ns: &NetNs) -> Result<Vec<Ipv4Net>, NetError> {
    let to = around(ns, IpVersion::V4).await?.into_iter().filter_map(|net| match net {
        IpNet::V4(net) => Some(net.trunc()),
        IpNet::V6(_) => None,
    });
    Ok(to.collect())
}

/// The same of IPv6.
pub async fn networks_around_v6(ns: &NetNs) -> Result<Vec<Ipv6Net>, NetError> {
    let to = around(ns, IpVersion::V6).await?.into_iter().filter_map(|net| match net {
        IpNet::V6(net) => Some(net.trunc()),
        IpNet::V4(_) => None,
    });
    Ok(to.collect())
}

async fn around(ns: &NetNs, family: IpVersion) -> Result<Vec<IpNet>, NetError> {
    let routes = all_routes(ns, family).await?.into_iter().filter(|message| {
        message.header.table == RouteHeader::RT_TABLE_MAIN
            && message.header.kind == RouteType::Unicast
            && message.header.protocol != RouteProtocol::Other(ROUTE_PROTOCOL)
            && message.header.destination_prefix_length >= WIDEST_LAN
    });
    Ok(routes.filter_map(|message| destination(&message)).collect())
}

/// All routes of a family; none where the kernel knows nothing of it.
pub(super) async fn all_routes(ns: &NetNs, family: IpVersion) -> Result<Vec<RouteMessage>, NetError> {
    let query = match family {
        IpVersion::V4 => RouteMessageBuilder::<Ipv4Addr>::new().build(),
        IpVersion::V6 => RouteMessageBuilder::<Ipv6Addr>::new().build(),
    };
    let routes: Result<Vec<_>, _> = ns.netlink().route().get(query).execute().try_collect().await;
    match routes {
        Err(rtnetlink::Error::NetlinkError(told)) if is_unknown_family(told.raw_code()) => Ok(Vec::new()),
        routes => routes.map_err(NetError::netlink(format!("list the routes of {}", ns.name()))),
    }
}
