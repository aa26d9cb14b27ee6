//! What one namespace holds, read once for a walk.

use std::net::IpAddr;

use ipnet::IpNet;

use super::matches::Members;
use crate::error::NetError;
use crate::firewall::Ruleset;
use crate::firewall::parse::{ProtocolNames, parse};
use crate::ipset::{self, Sets};
use crate::l3::{self, Links};
use crate::sys::{NetNs, command};

/// A namespace's rules, sets and links.
pub struct Held {
    /// The namespace.
    pub ns: NetNs,
    /// Its links.
    pub links: Links,
    pub(super) ipv4: Ruleset,
    pub(super) ipv6: Ruleset,
    pub(super) members: Members,
}

impl Held {
    /// Reads it.
    pub async fn read(ns: NetNs) -> Result<Self, NetError> {
        let (v4, v6, saved, links) = tokio::join!(
            command::run(&ns, "iptables-save", &[], String::new()),
            // A host without IPv6 may lack it.
            command::run(&ns, "ip6tables-save", &[], String::new()),
            command::run(&ns, "ipset", &["save"], String::new()),
            l3::links(&ns),
        );
        let protocols = ProtocolNames::of_host();
        let members = members(&ipset::parse(&saved?));
        let (ipv4, ipv6) = (parse(&v4?, &protocols), parse(&v6.unwrap_or_default(), &protocols));
        Ok(Self { links: links?, ns, ipv4, ipv6, members })
    }

    /// The name of the link with that index.
    pub fn link(&self, index: u32) -> Option<&str> {
        self.links.iter().find(|(_, link)| link.index == index).map(|(name, _)| name.as_str())
    }
}

fn members(sets: &Sets) -> Members {
    let net = |element: &String| match element.parse::<IpNet>() {
        Ok(net) => Some(net),
        Err(_) => element.parse::<IpAddr>().ok().map(IpNet::from),
    };
    let of = |set: &ipset::Set| set.elements.iter().map(net).collect::<Option<Vec<_>>>();
    sets.0.iter().map(|(name, set)| (name.clone(), of(set))).collect()
}
