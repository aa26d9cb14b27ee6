//! What a namespace holds, read over netlink.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use cumulet_model::MacAddr;
use futures::TryStreamExt;
use ipnet::Ipv4Net;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::AddressAttribute;
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourState};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteType,
};
use rtnetlink::RouteMessageBuilder;

use super::{Links, ROUTE_PROTOCOL, Route};
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
    let outputs = all_routes(ns).await?.into_iter().filter(|message| {
        message.header.destination_prefix_length == 0
            && message.header.table == RouteHeader::RT_TABLE_MAIN
            && message.header.kind == RouteType::Unicast
    });
    let outputs: BTreeSet<u32> = outputs.filter_map(|message| output(&message)).collect();
    Ok(links.values().filter(|link| outputs.contains(&link.index)).map(|link| link.mtu).min())
}

/// The IPv4 addresses of links, by index.
pub(super) async fn addresses(ns: &NetNs) -> Result<BTreeSet<(u32, Ipv4Addr, u8)>, NetError> {
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
        .filter(|message| message.header.family == AddressFamily::Inet)
        .filter_map(|message| {
            message.attributes.iter().find_map(|attribute| match attribute {
                AddressAttribute::Local(IpAddr::V4(address)) => {
                    Some((message.header.index, *address, message.header.prefix_len))
                }
                _ => None,
            })
        })
        .collect())
}

/// Our IPv4 routes in the main table, each with the message that deletes it. A route that carries our number but that
/// [`Route`] can't say is given as `None`: somebody changed it.
pub(super) async fn routes(
    ns: &NetNs,
    names: &BTreeMap<u32, String>,
) -> Result<Vec<(Option<Route>, Option<String>, RouteMessage)>, NetError> {
    Ok(all_routes(ns)
        .await?
        .into_iter()
        .filter(|message| {
            message.header.protocol == RouteProtocol::Other(ROUTE_PROTOCOL)
                && message.header.table == RouteHeader::RT_TABLE_MAIN
        })
        .map(|message| {
            let link = output(&message).and_then(|index| names.get(&index).cloned());
            (route(&message, link.clone()), link, message)
        })
        .collect())
}

/// Where others' routes lead that would take packets to `net` from ours, or ours from theirs: routes into it that are
/// not by `own` link, and wider ones of another installation.
pub async fn others_routes(ns: &NetNs, net: Ipv4Net, own: &str) -> Result<Vec<Ipv4Net>, NetError> {
    let own = links(ns).await?.get(own).map(|link| link.index);
    let routes = all_routes(ns).await?.into_iter().filter(|message| {
        message.header.table == RouteHeader::RT_TABLE_MAIN && (own.is_none() || output(message) != own)
    });
    Ok(routes
        .filter_map(|message| {
            let ours_by_kind = message.header.protocol == RouteProtocol::Other(ROUTE_PROTOCOL);
            let to = destination(&message)?;
            (net.contains(&to) || (ours_by_kind && to.contains(&net))).then_some(to)
        })
        .collect())
}

/// Wider routes than this lead to the internet, such as the two halves that some VPNs make of the default route.
const WIDEST_LAN: u8 = 8;

/// The networks that the host has routes of its own to, beside the default: its LANs, its VPNs, its containers.
pub async fn networks_around(ns: &NetNs) -> Result<Vec<Ipv4Net>, NetError> {
    let routes = all_routes(ns).await?.into_iter().filter(|message| {
        message.header.table == RouteHeader::RT_TABLE_MAIN
            && message.header.kind == RouteType::Unicast
            && message.header.protocol != RouteProtocol::Other(ROUTE_PROTOCOL)
            && message.header.destination_prefix_length >= WIDEST_LAN
    });
    Ok(routes.filter_map(|message| destination(&message)).map(|to| to.trunc()).collect())
}

fn destination(message: &RouteMessage) -> Option<Ipv4Net> {
    let base = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Destination(RouteAddress::Inet(address)) => Some(*address),
        _ => None,
    });
    Ipv4Net::new(base.unwrap_or(Ipv4Addr::UNSPECIFIED), message.header.destination_prefix_length).ok()
}

async fn all_routes(ns: &NetNs) -> Result<Vec<RouteMessage>, NetError> {
    let query = RouteMessageBuilder::<Ipv4Addr>::new().build();
    let routes = ns.netlink().route().get(query).execute().try_collect();
    routes.await.map_err(NetError::netlink(format!("list the routes of {}", ns.name())))
}

fn output(message: &RouteMessage) -> Option<u32> {
    message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Oif(index) => Some(*index),
        _ => None,
    })
}

fn route(message: &RouteMessage, link: Option<String>) -> Option<Route> {
    let to = destination(message)?;
    let (mut router, mut source) = (None, None);
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Gateway(RouteAddress::Inet(address)) => router = Some(*address),
            RouteAttribute::PrefSource(RouteAddress::Inet(address)) => source = Some(*address),
            RouteAttribute::MultiPath(_) | RouteAttribute::Priority(1..) => return None,
            _ => {}
        }
    }
    match (message.header.kind, link, router) {
        (RouteType::Unreachable, None, None) => Some(Route::Unreachable { to }),
        (RouteType::Unicast, Some(link), None) if source.is_none() => Some(Route::OnLink { to, link }),
        (RouteType::Unicast, Some(link), Some(router)) => Some(Route::Via { to, router, link, source }),
        _ => None,
    }
}

/// The permanent IPv4 neighbours of links, by index.
pub(super) async fn neighbours(ns: &NetNs) -> Result<BTreeSet<(u32, Ipv4Addr, MacAddr)>, NetError> {
    let messages: Vec<_> = ns
        .netlink()
        .neighbours()
        .get()
        .set_address_family(AddressFamily::Inet)
        .execute()
        .try_collect()
        .await
        .map_err(NetError::netlink(format!("list the neighbours of {}", ns.name())))?;
    let mut found = BTreeSet::new();
    for message in messages.iter().filter(|message| message.header.state == NeighbourState::Permanent) {
        let (mut address, mut mac) = (None, None);
        for attribute in &message.attributes {
            match attribute {
                NeighbourAttribute::Destination(NeighbourAddress::Inet(ip)) => address = Some(*ip),
                NeighbourAttribute::LinkLayerAddress(bytes) => mac = bytes.as_slice().try_into().ok(),
                _ => {}
            }
        }
        if let (Some(address), Some(mac)) = (address, mac) {
            found.insert((message.header.ifindex, address, MacAddr(mac)));
        }
    }
    Ok(found)
}
