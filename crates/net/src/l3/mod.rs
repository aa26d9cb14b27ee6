//! Addresses, routes, neighbours and settings of a namespace: what shall be ([`Plan`]), what is ([`links`]), and the
//! way from the one to the other ([`converge`]).

mod converge;
mod door;
mod doors;
mod observe;
mod qdisc;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use cumulet_model::MacAddr;
use ipnet::Ipv4Net;

pub use converge::{advance, converge, settle};
pub use door::Door;
pub use observe::{Link, default_mtu, link, links, networks_around, others_routes};
pub use qdisc::without_qdiscs;

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
    /// Our links' addresses, each a /32.
    pub addresses: BTreeSet<(String, Ipv4Addr)>,
    /// Routes.
    pub routes: BTreeSet<Route>,
    /// Permanent neighbours.
    pub neighbours: BTreeSet<(String, Ipv4Addr, MacAddr)>,
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

/// A route.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Route {
    /// To neighbours on a link.
    OnLink {
        /// Where to.
        to: Ipv4Net,
        /// The link.
        link: String,
    },
    /// By a router, which is a neighbour on a link whatever our own addresses there are.
    Via {
        /// Where to.
        to: Ipv4Net,
        /// The router.
        router: Ipv4Addr,
        /// The link.
        link: String,
        /// The own address that connections along the route begin with.
        source: Option<Ipv4Addr>,
    },
    /// Nowhere: senders hear that the destination is unreachable.
    Unreachable {
        /// Where to.
        to: Ipv4Net,
    },
}

impl Route {
    /// Where to.
    pub fn to(&self) -> Ipv4Net {
        match self {
            Self::OnLink { to, .. } | Self::Via { to, .. } | Self::Unreachable { to } => *to,
        }
    }

    /// The link, if it names one.
    pub fn link(&self) -> Option<&str> {
        match self {
            Self::OnLink { link, .. } | Self::Via { link, .. } => Some(link),
            Self::Unreachable { .. } => None,
        }
    }
}

impl Plan {
    /// Notes a kernel setting.
    pub fn set(&mut self, key: impl Into<String>, value: &str) {
        self.settings.push((key.into(), value.to_owned()));
    }
}
