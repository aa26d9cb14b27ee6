//! Addresses, routes, rules, neighbours and settings of a namespace: what shall be ([`Plan`]), what is ([`links`]), and the
//! way from the one to the other ([`converge`]).

mod converge;
mod door;
mod doors;
mod neighbours;
mod observe;
mod qdisc;
mod route;
mod routes;
mod rule;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use cumulet_model::MacAddr;

pub use converge::{advance, converge, settle};
pub use door::{Door, link_local};
pub use observe::{Link, default_mtu, link, links, networks_around, networks_around_v6, others_routes};
pub use qdisc::without_qdiscs;
pub use route::{MAIN, Route, Way};
pub use rule::RoutingRule;

/// Links by name.
pub type Links = BTreeMap<String, Link>;

/// What a namespace holds after a plan was carried out.
#[derive(Debug, Clone, Default)]
pub struct Holding {
    /// The plan.
    pub plan: Plan,
    /// The plan's links as they are now.
    pub links: Links,
}

/// The number that our routes carry as their protocol (`ip route show proto 199`), so that we know them among others'.
pub const ROUTE_PROTOCOL: u8 = 199;

/// What a namespace shall hold on its existing links. What is not ours is left alone: links that `links` does not name
/// and routes without our protocol number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Our links; each shall be up.
    pub links: BTreeMap<String, LinkPlan>,
    /// Our links' addresses, each a /32 or /128, and link-local ones of IPv6, each a /64.
    pub addresses: BTreeSet<(String, IpAddr)>,
    /// Routes.
    pub routes: BTreeSet<Route>,
    /// Rules of policy routing, all of them: only where the whole namespace is ours.
    pub rules: BTreeSet<RoutingRule>,
    /// Permanent neighbours.
    pub neighbours: BTreeSet<(String, IpAddr, MacAddr)>,
    /// Kernel settings below `net`, with slashes, in the order in which they are made.
    pub settings: Vec<(String, String)>,
    /// Whether the whole namespace is ours, and with it routes that name no link.
    pub whole_namespace: bool,
}

/// What we set of a link.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinkPlan {
    /// MTU in bytes, if it is ours to set.
    pub mtu: Option<u32>,
    /// Ethernet address, if it is ours to set.
    pub mac: Option<MacAddr>,
    /// What may come in by it, if that is not everything. It stands before the link is up.
    pub door: Option<Door>,
}

impl Plan {
    /// Notes a kernel setting.
    pub fn set(&mut self, key: impl Into<String>, value: &str) {
        self.settings.push((key.into(), value.to_owned()));
    }
}
