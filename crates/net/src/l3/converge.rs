//! From what a namespace holds to what it shall hold, by the difference alone.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::{IpAddr, Ipv4Addr};

use cumulet_model::MacAddr;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage};
use netlink_packet_route::route::{RouteMessage, RouteProtocol, RouteScope, RouteType};
use rtnetlink::{LinkUnspec, RouteMessageBuilder};

use super::observe::{self, Link};
use super::{Holding, Links, Plan, ROUTE_PROTOCOL, Route, doors};
use crate::error::NetError;
use crate::sys::{NetNs, sysctl};

/// Makes the namespace hold what `plan` says; each change is a line in `changes`. All links of the plan must be there.
/// Gives what it then holds.
pub async fn converge(ns: &NetNs, plan: Plan, changes: &mut Vec<String>) -> Result<Holding, NetError> {
    settle(ns, plan.settings.clone(), changes).await?;
    let found = Found {
        links: observe::links(ns).await?,
        addresses: observe::addresses(ns).await?,
        neighbours: observe::neighbours(ns).await?,
        routes: Vec::new(),
        doors: doors::Programs::new(),
    };
    let names = found.links.iter().map(|(name, link)| (link.index, name.clone())).collect();
    let guarded = |name: &String| plan.links.get(name).is_some_and(|link| link.door.is_some());
    let found = Found {
        routes: observe::routes(ns, &names).await?,
        doors: doors::look(ns, found.links.iter().filter(|(name, _)| guarded(name))).await?,
        ..found
    };
    lead(ns, found, plan, changes).await
}

/// The same from what the namespace is known to hold, without looking: touches only what the two plans have apart.
/// `links` are all of the plan's that are there now; what went with a link is gone.
pub async fn advance(
    ns: &NetNs,
    held: Holding,
    links: Links,
    plan: Plan,
    changes: &mut Vec<String>,
) -> Result<Holding, NetError> {
    if held.plan == plan {
        return Ok(held);
    }
    let held_settings: HashSet<_> = held.plan.settings.iter().collect();
    let new = plan.settings.iter().filter(|setting| !held_settings.contains(setting)).cloned().collect();
    settle(ns, new, changes).await?;
    lead(ns, Found::known(&held.plan, &held.links, links), plan, changes).await
}

/// What there is, as far as a plan can differ from it.
struct Found {
    links: Links,
    addresses: BTreeSet<(u32, Ipv4Addr, u8)>,
    neighbours: BTreeSet<(u32, Ipv4Addr, MacAddr)>,
    routes: Vec<(Option<Route>, Option<String>, RouteMessage)>,
    doors: doors::Programs,
}

impl Found {
    /// What a plan that was carried out left on those links that are there yet.
    fn known(plan: &Plan, before: &Links, links: Links) -> Self {
        let index = |name: &String| links.get(name).map(|link| link.index);
        let addresses = plan.addresses.iter().filter_map(|(name, ip)| Some((index(name)?, *ip, 32)));
        let neighbours = plan.neighbours.iter().filter_map(|(name, ip, mac)| Some((index(name)?, *ip, *mac)));
        let routes = plan.routes.iter().filter_map(|route| {
            let link = route.link().map(str::to_owned);
            let index = match &link {
                Some(name) => Some(index(name)?),
                None => None,
            };
            Some((Some(route.clone()), link, route_message(route, index)))
        });
        // A link with another index is another link, which has none.
        let doors = plan.links.iter().filter_map(|(name, link)| {
            let same = before.get(name).map(|link| link.index) == index(name);
            same.then_some((name.clone(), link.door.as_ref()?.program()))
        });
        Self {
            doors: doors.collect(),
            addresses: addresses.collect(),
            neighbours: neighbours.collect(),
            routes: routes.collect(),
            links,
        }
    }
}

async fn lead(ns: &NetNs, found: Found, plan: Plan, changes: &mut Vec<String>) -> Result<Holding, NetError> {
    let Found {
        mut links,
        addresses: held_addresses,
        neighbours: held_neighbours,
        routes: held_routes,
        doors: held_doors,
    } = found;
    let mut ours = BTreeMap::new();
    for name in plan.links.keys() {
        let link = links
            .get(name)
            .ok_or_else(|| NetError::Missing { what: format!("link {name} in {}", ns.name()) })?;
        ours.insert(name.as_str(), link);
    }
    put_doors(ns, &plan, &ours, &held_doors, changes).await?;
    set_links(ns, &plan, &ours, changes).await?;
    addresses(ns, &plan, &ours, held_addresses, changes).await?;
    neighbours(ns, &plan, &ours, held_neighbours, changes).await?;
    routes(ns, &plan, &ours, held_routes, changes).await?;
    links.retain(|name, _| plan.links.contains_key(name));
    for (name, link) in &mut links {
        let wanted = plan.links.get(name).cloned().unwrap_or_default();
        link.up = true;
        link.mtu = wanted.mtu.unwrap_or(link.mtu);
        link.mac = wanted.mac.or(link.mac);
    }
    Ok(Holding { plan, links })
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

async fn put_doors(
    ns: &NetNs,
    plan: &Plan,
    ours: &BTreeMap<&str, &Link>,
    held: &doors::Programs,
    changes: &mut Vec<String>,
) -> Result<(), NetError> {
    for (name, wanted) in &plan.links {
        let (Some(door), Some(link)) = (&wanted.door, ours.get(name.as_str())) else { continue };
        if held.get(name) != Some(&door.program()) && doors::put(ns, name, link, door).await? {
            changes.push(format!("{}: door of {name}", ns.name()));
        }
    }
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
        let mut message = LinkUnspec::new_with_index(link.index);
        let mut said = Vec::new();
        if let Some(mac) = wanted.mac.filter(|mac| Some(*mac) != link.mac) {
            message = message.address(mac.0.to_vec());
            said.push(format!("address {mac}"));
        }
        if let Some(mtu) = wanted.mtu.filter(|mtu| *mtu != link.mtu) {
            message = message.mtu(mtu);
            said.push(format!("MTU {mtu}"));
        }
        if !link.up {
            message = message.up();
            said.push("up".to_owned());
        }
        if said.is_empty() {
            continue;
        }
        let what = format!("{name}: {}", said.join(", "));
        let request = ns.netlink().link().change(message.build());
        request.execute().await.map_err(NetError::netlink(format!("set {what}")))?;
        changes.push(format!("{}: {what}", ns.name()));
    }
    Ok(())
}

async fn addresses(
    ns: &NetNs,
    plan: &Plan,
    ours: &BTreeMap<&str, &Link>,
    held: BTreeSet<(u32, Ipv4Addr, u8)>,
    changes: &mut Vec<String>,
) -> Result<(), NetError> {
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
    held: BTreeSet<(u32, Ipv4Addr, MacAddr)>,
    changes: &mut Vec<String>,
) -> Result<(), NetError> {
    let wanted: BTreeSet<_> = plan
        .neighbours
        .iter()
        .filter_map(|(name, ip, mac)| Some((ours.get(name.as_str())?.index, *ip, *mac)))
        .collect();
    let our_indices: BTreeSet<u32> = ours.values().map(|link| link.index).collect();
    for (index, ip, mac) in held.difference(&wanted).filter(|(index, ..)| our_indices.contains(index)) {
        // One that gets another Ethernet address is replaced below.
        let any = |mac: [u8; 6]| (*index, *ip, MacAddr(mac));
        if wanted.range(any([0; 6])..=any([0xff; 6])).next().is_some() {
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
    held: Vec<(Option<Route>, Option<String>, RouteMessage)>,
    changes: &mut Vec<String>,
) -> Result<(), NetError> {
    let mut missing = plan.routes.clone();
    for (route, link, message) in held {
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
