//! Routes and the rules that say which table of them is asked: what there are, and the way to those that shall be.

use std::collections::{BTreeMap, BTreeSet};

use futures::TryStreamExt;
use netlink_packet_route::route::{RouteMessage, RouteProtocol};
use netlink_packet_route::rule::RuleMessage;
use rtnetlink::IpVersion;

use super::observe::all_routes;
use super::route::output;
use super::{Link, Plan, ROUTE_PROTOCOL, Route, RoutingRule};
use crate::error::NetError;
use crate::sys::NetNs;

/// A route of ours that is there.
pub struct HeldRoute {
    /// What it says; `None` if that is nothing that we say: somebody changed it.
    pub route: Option<Route>,
    /// The link that it leads by.
    pub link: Option<String>,
    /// The message that deletes it.
    pub message: RouteMessage,
}

/// A rule that is there.
pub struct HeldRule {
    /// What it says; `None` if that is nothing that we say.
    pub rule: Option<RoutingRule>,
    /// The message that deletes it.
    pub message: RuleMessage,
}

/// Our routes in all tables, given the names of links by index.
pub async fn look(ns: &NetNs, names: &BTreeMap<u32, String>) -> Result<Vec<HeldRoute>, NetError> {
    let mut found = Vec::new();
    for family in [IpVersion::V4, IpVersion::V6] {
        let ours = all_routes(ns, family)
            .await?
            .into_iter()
            .filter(|message| message.header.protocol == RouteProtocol::Other(ROUTE_PROTOCOL));
        found.extend(ours.map(|message| {
            let link = output(&message).and_then(|index| names.get(&index).cloned());
            let route = Route::read(&message, link.clone());
            let link = route.as_ref().map_or(link, |route| route.link().map(str::to_owned));
            HeldRoute { route, link, message }
        }));
    }
    Ok(found)
}

/// Leads from the routes that are `held` to the plan's.
pub async fn lead(
    ns: &NetNs,
    plan: &Plan,
    ours: &BTreeMap<&str, &Link>,
    held: Vec<HeldRoute>,
    changes: &mut Vec<String>,
) -> Result<(), NetError> {
    let mut missing = plan.routes.clone();
    let stale: Vec<_> = held
        .into_iter()
        .filter(|held| !held.route.as_ref().is_some_and(|route| missing.remove(route)))
        .collect();
    // Where another of the same table leads to the same place, it takes the stale one's in one step.
    let places: BTreeSet<_> = missing.iter().filter(|route| route.to.addr().is_ipv4()).map(place).collect();
    let is_replaced = |held: &HeldRoute| {
        plan.whole_namespace && held.route.as_ref().is_some_and(|route| places.contains(&place(route)))
    };
    let is_ours =
        |held: &HeldRoute| held.link.as_deref().map_or(plan.whole_namespace, |link| ours.contains_key(link));
    for HeldRoute { route, message, .. } in
        stale.into_iter().filter(|held| is_ours(held) && !is_replaced(held))
    {
        match ns.netlink().route().del(message).execute().await {
            // It went with its link, or with a router that went.
            Err(rtnetlink::Error::NetlinkError(told)) if told.raw_code() == -libc::ESRCH => {}
            removed => removed.map_err(NetError::netlink("remove a stale route"))?,
        }
        changes.push(match route {
            Some(route) => format!("{}: route removed: {}", ns.name(), in_words(&route)),
            None => format!("{}: a route that somebody changed removed", ns.name()),
        });
    }
    // Routes to neighbours come first, as others may lead by them.
    let (near, far): (Vec<_>, Vec<_>) = missing.iter().partition(|route| route.link().is_some());
    for route in near.into_iter().chain(far) {
        let index = route.link().and_then(|link| ours.get(link)).map(|link| link.index);
        let request = ns.netlink().route().add(route.message(index));
        // In a namespace that is not ours alone, another's route to the same destination is not ours to replace.
        let request = if plan.whole_namespace { request.replace() } else { request };
        request.execute().await.map_err(NetError::netlink(format!("add route {route:?}")))?;
        changes.push(format!("{}: route {}", ns.name(), in_words(route)));
    }
    Ok(())
}

fn place(route: &Route) -> (u32, ipnet::IpNet) {
    (route.table, route.to)
}

fn in_words(route: &Route) -> String {
    let way = match &route.way {
        super::Way::OnLink { link } => format!("on {link}"),
        super::Way::Via { router, link, .. } => format!("by {router} on {link}"),
        super::Way::Unreachable => "is unreachable".to_owned(),
        super::Way::Blackhole => "is a blackhole".to_owned(),
        super::Way::Throw => "is local".to_owned(),
    };
    let table = if route.table == super::MAIN { String::new() } else { format!(" in table {}", route.table) };
    format!("to {} {way}{table}", route.to)
}

/// All rules of a namespace.
pub async fn look_at_rules(ns: &NetNs) -> Result<Vec<HeldRule>, NetError> {
    let mut found = Vec::new();
    for family in [IpVersion::V4, IpVersion::V6] {
        let rules: Result<Vec<_>, _> = ns.netlink().rule().get(family).execute().try_collect().await;
        let rules = match rules {
            Err(rtnetlink::Error::NetlinkError(told)) if is_unknown_family(told.raw_code()) => continue,
            rules => rules.map_err(NetError::netlink(format!("list the rules of {}", ns.name())))?,
        };
        found
            .extend(rules.into_iter().map(|message| HeldRule { rule: RoutingRule::read(&message), message }));
    }
    Ok(found)
}

/// Whether a kernel that is built without IPv6 says so.
pub(super) fn is_unknown_family(code: i32) -> bool {
    matches!(-code, libc::EOPNOTSUPP | libc::EAFNOSUPPORT)
}

/// Removes the rules that are `held` and not the plan's.
pub async fn remove_rules(
    ns: &NetNs,
    plan: &Plan,
    held: &[HeldRule],
    changes: &mut Vec<String>,
) -> Result<(), NetError> {
    let mut wanted = plan.rules.clone();
    let families: BTreeSet<_> = plan.rules.iter().map(|rule| rule.family).collect();
    for HeldRule { rule, message } in held {
        match rule {
            // A family that the plan says nothing of has the kernel's own rules.
            Some(rule)
                if !families.contains(&rule.family) && RoutingRule::usual(rule.family).contains(rule) =>
            {
                continue;
            }
            // Of two that are the same one is too many.
            Some(rule) if wanted.remove(rule) => continue,
            _ => {}
        }
        let request = ns.netlink().rule().del(message.clone());
        request.execute().await.map_err(NetError::netlink("remove a rule of routing"))?;
        changes.push(match rule {
            Some(rule) => format!("{}: rule {} removed", ns.name(), rule.priority),
            None => format!("{}: a foreign rule removed", ns.name()),
        });
    }
    Ok(())
}

/// Adds those of the plan's that are not `held`.
pub async fn add_rules(
    ns: &NetNs,
    plan: &Plan,
    held: &[HeldRule],
    changes: &mut Vec<String>,
) -> Result<(), NetError> {
    let held: BTreeSet<_> = held.iter().filter_map(|held| held.rule.as_ref()).collect();
    for rule in plan.rules.iter().filter(|rule| !held.contains(rule)) {
        let mut request = ns.netlink().rule().add();
        *request.message_mut() = rule.message();
        request.execute().await.map_err(NetError::netlink(format!("add rule {rule:?}")))?;
        changes.push(format!("{}: rule {} asks table {}", ns.name(), rule.priority, rule.table));
    }
    Ok(())
}
