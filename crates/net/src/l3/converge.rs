//! From what a namespace holds to what it shall hold, by the difference alone.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage};
use netlink_packet_route::route::{RouteMessage, RouteProtocol, RouteScope, RouteType};
use netlink_packet_route::{AddressFamily, link::LinkMessage};
use rtnetlink::{LinkUnspec, RouteMessageBuilder};

use super::observe::{self, Link};
use super::{Plan, ROUTE_PROTOCOL, Route};
use crate::error::NetError;
use crate::sys::{NetNs, sysctl};

/// Makes the namespace hold what `plan` says; each change is a line in `changes`. All links of the plan must be there.
pub async fn converge(ns: &NetNs, plan: &Plan, changes: &mut Vec<String>) -> Result<(), NetError> {
    settle(ns, plan.settings.clone(), changes).await?;
    let links = observe::links(ns).await?;
    let mut ours = BTreeMap::new();
    for name in plan.links.keys() {
        let link = links
            .get(name)
            .ok_or_else(|| NetError::Missing { what: format!("link {name} in {}", ns.name()) })?;
        ours.insert(name.as_str(), link);
    }
    set_links(ns, plan, &ours, changes).await?;
    addresses(ns, plan, &ours, changes).await?;
    neighbours(ns, plan, &ours, changes).await?;
    let names = links.iter().map(|(name, link)| (link.index, name.clone())).collect();
    routes(ns, plan, &ours, &names, changes).await
}

/// Makes kernel settings below `net` hold these values.
pub async fn settle(
    ns: &NetNs,
    wanted: Vec<(String, String)>,
    changes: &mut Vec<String>,
) -> Result<(), NetError> {
    let made = ns
        .run(move || {
            let mut made = Vec::new();
            for (key, value) in wanted {
                if sysctl::ensure(&key, &value)? {
                    made.push(format!("net/{key} = {value}"));
                }
            }
            Ok(made)
        })
        .await
        .flatten()?;
    changes.extend(made.into_iter().map(|change| format!("{}: {change}", ns.name())));
    Ok(())
}

async fn set_links(
    ns: &NetNs,
    plan: &Plan,
    ours: &BTreeMap<&str, &Link>,
    changes: &mut Vec<String>,
) -> Result<(), NetError> {
    for (name, wanted) in &plan.links {
        let Some(link) = ours.get(name.as_str()) else { continue };
        let message = || LinkUnspec::new_with_index(link.index);
        if let Some(mac) = wanted.mac.filter(|mac| Some(*mac) != link.mac) {
            let message = message().address(mac.0.to_vec()).build();
            change_link(ns, message, format!("{name}: address {mac}"), changes).await?;
        }
        if let Some(mtu) = wanted.mtu.filter(|mtu| *mtu != link.mtu) {
            change_link(ns, message().mtu(mtu).build(), format!("{name}: MTU {mtu}"), changes).await?;
        }
        if !link.up {
            change_link(ns, message().up().build(), format!("{name}: up"), changes).await?;
        }
    }
    Ok(())
}

async fn change_link(
    ns: &NetNs,
    message: LinkMessage,
    what: String,
    changes: &mut Vec<String>,
) -> Result<(), NetError> {
    ns.netlink().link().change(message).execute().await.map_err(NetError::netlink(format!("set {what}")))?;
    changes.push(format!("{}: {what}", ns.name()));
    Ok(())
}

async fn addresses(
    ns: &NetNs,
    plan: &Plan,
    ours: &BTreeMap<&str, &Link>,
    changes: &mut Vec<String>,
) -> Result<(), NetError> {
    let held = observe::addresses(ns).await?;
    let wanted: BTreeSet<(u32, Ipv4Addr, u8)> = plan
        .addresses
        .iter()
        .filter_map(|(name, ip)| Some((ours.get(name.as_str())?.index, *ip, 32)))
        .collect();
    let our_indices: BTreeSet<u32> = ours.values().map(|link| link.index).collect();
    for stale in held.difference(&wanted) {
        let (index, ip, prefix) = *stale;
        if !our_indices.contains(&index) || ip.is_loopback() {
            continue;
        }
        ns.netlink()
            .address()
            .del(address_message(index, ip, prefix))
            .execute()
            .await
            .map_err(NetError::netlink(format!("remove address {ip}")))?;
        changes.push(format!("{}: address {ip}/{prefix} removed", ns.name()));
    }
    for (index, ip, prefix) in wanted.difference(&held) {
        ns.netlink()
            .address()
            .add(*index, IpAddr::V4(*ip), *prefix)
            .execute()
            .await
            .map_err(NetError::netlink(format!("add address {ip}")))?;
        changes.push(format!("{}: address {ip}", ns.name()));
    }
    Ok(())
}

fn address_message(index: u32, ip: Ipv4Addr, prefix: u8) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.index = index;
    message.header.prefix_len = prefix;
    message.attributes.push(AddressAttribute::Local(IpAddr::V4(ip)));
    message
}

async fn neighbours(
    ns: &NetNs,
    plan: &Plan,
    ours: &BTreeMap<&str, &Link>,
    changes: &mut Vec<String>,
) -> Result<(), NetError> {
    let held = observe::neighbours(ns).await?;
    let wanted: BTreeSet<_> = plan
        .neighbours
        .iter()
        .filter_map(|(name, ip, mac)| Some((ours.get(name.as_str())?.index, *ip, *mac)))
        .collect();
    let our_indices: BTreeSet<u32> = ours.values().map(|link| link.index).collect();
    for (index, ip, mac) in held.difference(&wanted).filter(|(index, ..)| our_indices.contains(index)) {
        // One that gets another Ethernet address is replaced below.
        if wanted.iter().any(|(i, w, _)| (i, w) == (index, ip)) {
            continue;
        }
        let mut message = NeighbourMessage::default();
        message.header.family = AddressFamily::Inet;
        message.header.ifindex = *index;
        message.attributes.push(NeighbourAttribute::Destination(NeighbourAddress::Inet(*ip)));
        ns.netlink()
            .neighbours()
            .del(message)
            .execute()
            .await
            .map_err(NetError::netlink(format!("remove neighbour {ip}")))?;
        changes.push(format!("{}: neighbour {ip} at {mac} removed", ns.name()));
    }
    for (index, ip, mac) in wanted.difference(&held) {
        ns.netlink()
            .neighbours()
            .add(*index, IpAddr::V4(*ip))
            .link_layer_address(&mac.0)
            .replace()
            .execute()
            .await
            .map_err(NetError::netlink(format!("add neighbour {ip}")))?;
        changes.push(format!("{}: neighbour {ip} at {mac}", ns.name()));
    }
    Ok(())
}

async fn routes(
    ns: &NetNs,
    plan: &Plan,
    ours: &BTreeMap<&str, &Link>,
    names: &BTreeMap<u32, String>,
    changes: &mut Vec<String>,
) -> Result<(), NetError> {
    let mut missing = plan.routes.clone();
    for (route, link, message) in observe::routes(ns, names).await? {
        if route.as_ref().is_some_and(|route| missing.remove(route)) {
            continue;
        }
        let is_ours = link.as_deref().map_or(plan.whole_namespace, |link| ours.contains_key(link));
        if is_ours {
            ns.netlink()
                .route()
                .del(message)
                .execute()
                .await
                .map_err(NetError::netlink("remove a stale route"))?;
            changes.push(format!("{}: stale route removed: {route:?}", ns.name()));
        }
    }
    // Routes to neighbours come first, as others may lead by them.
    for route in
        missing.iter().filter(|r| r.link().is_some()).chain(missing.iter().filter(|r| r.link().is_none()))
    {
        let index = route.link().and_then(|link| ours.get(link)).map(|link| link.index);
        let request = ns.netlink().route().add(route_message(route, index));
        // In a namespace that is not ours alone, another's route to the same destination is not ours to replace.
        let request = if plan.whole_namespace { request.replace() } else { request };
        request.execute().await.map_err(NetError::netlink(format!("add route {route:?}")))?;
        changes.push(format!("{}: route to {}", ns.name(), route.to()));
    }
    Ok(())
}

fn route_message(route: &Route, index: Option<u32>) -> RouteMessage {
    let to = route.to();
    let mut message = RouteMessageBuilder::<Ipv4Addr>::new()
        .protocol(RouteProtocol::Other(ROUTE_PROTOCOL))
        .destination_prefix(to.network(), to.prefix_len());
    if let Some(index) = index {
        message = message.output_interface(index);
    }
    match route {
        Route::OnLink { .. } => message.scope(RouteScope::Link).build(),
        Route::Via { router, source, .. } => {
            let message = message.gateway(*router).onlink();
            source.map_or(message.clone(), |source| message.pref_source(source)).build()
        }
        Route::Unreachable { .. } => message.kind(RouteType::Unreachable).build(),
    }
}
