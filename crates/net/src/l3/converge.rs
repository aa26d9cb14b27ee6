//! From what a namespace holds to what it shall hold, by the difference alone.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::IpAddr;

use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use rtnetlink::LinkUnspec;

use super::neighbours::{self, Neighbours};
use super::observe::{self, Link};
use super::routes::{self, HeldRoute, HeldRule};
use super::{Holding, Links, Plan, doors};
use crate::error::NetError;
use crate::sys::{NetNs, sysctl};

/// Makes the namespace hold what `plan` says; each change is a line in `changes`. All links of the plan must be there.
/// Gives what it then holds.
pub async fn converge(ns: &NetNs, plan: Plan, changes: &mut Vec<String>) -> Result<Holding, NetError> {
    settle(ns, plan.settings.clone(), changes).await?;
    let found = Found {
        links: observe::links(ns).await?,
        addresses: observe::addresses(ns).await?,
        neighbours: neighbours::look(ns).await?,
        routes: Vec::new(),
        rules: Vec::new(),
        doors: doors::Programs::new(),
    };
    let names = found.links.iter().map(|(name, link)| (link.index, name.clone())).collect();
    let guarded = |name: &String| plan.links.get(name).is_some_and(|link| link.door.is_some());
    let found = Found {
        routes: routes::look(ns, &names).await?,
        rules: if plan.whole_namespace { routes::look_at_rules(ns).await? } else { Vec::new() },
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
    addresses: BTreeSet<(u32, IpAddr, u8)>,
    neighbours: Neighbours,
    routes: Vec<HeldRoute>,
    rules: Vec<HeldRule>,
    doors: doors::Programs,
}

impl Found {
    /// What a plan that was carried out left on those links that are there yet.
    fn known(plan: &Plan, before: &Links, links: Links) -> Self {
        let index = |name: &String| links.get(name).map(|link| link.index);
        let addresses = plan.addresses.iter().filter_map(|(name, ip)| Some((index(name)?, *ip, whole(*ip))));
        let neighbours = plan.neighbours.iter().filter_map(|(name, ip, mac)| Some((index(name)?, *ip, *mac)));
        let routes = plan.routes.iter().filter_map(|route| {
            let link = route.link().map(str::to_owned);
            let index = match &link {
                Some(name) => Some(index(name)?),
                None => None,
            };
            Some(HeldRoute { route: Some(route.clone()), link, message: route.message(index) })
        });
        let rules =
            plan.rules.iter().map(|rule| HeldRule { rule: Some(rule.clone()), message: rule.message() });
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
            rules: rules.collect(),
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
        rules: held_rules,
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
    neighbours::lead(ns, &plan, &ours, held_neighbours, changes).await?;
    // A table that nobody asks any more is emptied after its rule went; one is asked when it is full.
    routes::remove_rules(ns, &plan, &held_rules, changes).await?;
    routes::lead(ns, &plan, &ours, held_routes, changes).await?;
    routes::add_rules(ns, &plan, &held_rules, changes).await?;
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
    held: BTreeSet<(u32, IpAddr, u8)>,
    changes: &mut Vec<String>,
) -> Result<(), NetError> {
    let wanted: BTreeSet<(u32, IpAddr, u8)> = plan
        .addresses
        .iter()
        .filter_map(|(name, ip)| Some((ours.get(name.as_str())?.index, *ip, whole(*ip))))
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
        let mut request = ns.netlink().address().add(*index, *ip, *prefix);
        // It is ours alone and good at once: nobody else on the link is asked whether it is.
        request.message_mut().header.flags |= AddressHeaderFlags::Nodad;
        request.execute().await.map_err(NetError::netlink(format!("add address {ip}")))?;
        changes.push(format!("{}: address {ip}", ns.name()));
    }
    Ok(())
}

fn address_message(index: u32, ip: IpAddr, prefix: u8) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = if ip.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    message.header.index = index;
    message.header.prefix_len = prefix;
    message.attributes.push(AddressAttribute::Local(ip));
    message
}

/// The length of the prefix that an address of ours is given with: it stands alone, but a link-local one brings the route
/// to all others on its link.
fn whole(ip: IpAddr) -> u8 {
    match ip {
        IpAddr::V4(_) => 32,
        IpAddr::V6(ip) if ip.is_unicast_link_local() => 64,
        IpAddr::V6(_) => 128,
    }
}
