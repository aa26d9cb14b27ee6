//! The host's share: a link and a route to the edge, three chains of its firewall, and forwarding.

use super::links::{self, End};
use super::{firewall, found, found_v6};
use crate::config::NetConfig;
use crate::error::NetError;
use crate::family::Family;
use crate::firewall::host::Reach;
use crate::sys::NetNs;
use crate::{l3, names, plan};

/// What each link must carry (RFC 791): an uplink that claims less is not believed.
const LEAST_MTU: u32 = 576;

/// Makes the host hold what it shall, and gives the MTU in bytes of the way out. The chains come before the link is up, so that nothing slips through.
pub async fn reconcile(
    config: &NetConfig,
    host: &NetNs,
    (edge, with_v6): (&NetNs, bool),
    changes: &mut Vec<String>,
) -> Result<u32, NetError> {
    let link = names::host_link(&config.tag);
    let pool = config.public_pool.trunc();
    if let Some(other) = l3::others_routes(host, pool, &link).await?.first() {
        let rule = format!("a range that the host has no other route to; there is one to {other}");
        return Err(NetError::spec(format!("public pool {pool}"), rule));
    }
    let rules = firewall::held_rules(host, Family::V4).await?;
    found::note(host, config, &rules).await?;
    let ends = (End { ns: edge, name: names::EDGE_UP }, End { ns: host, name: &link });
    links::veth(ends.0, ends.1, changes).await?;
    let reach = Reach::new(&config.guest_networks, l3::networks_around(host).await?);
    firewall::host(host, config, Family::V4, &reach, &rules, changes).await?;
    if with_v6 {
        prepare_v6(config, host, changes).await?;
    }
    let uplink_mtu = l3::default_mtu(host).await?.unwrap_or(u32::MAX).clamp(LEAST_MTU, config.mtu.into());
    l3::converge(host, plan::host(config, uplink_mtu, with_v6), changes).await?;
    found::enable_forwarding(host, changes).await?;
    Ok(uplink_mtu)
}

/// The part of it for IPv6, which is there once a VPC has it: chains before anything is forwarded.
async fn prepare_v6(config: &NetConfig, host: &NetNs, changes: &mut Vec<String>) -> Result<(), NetError> {
    let rules = firewall::held_rules(host, Family::V6).await?;
    found_v6::note(host, config, rules.tables.keys().cloned().collect()).await?;
    let reach = Reach::new_v6(l3::networks_around_v6(host).await?);
    firewall::host(host, config, Family::V6, &reach, &rules, changes).await?;
    found_v6::enable_forwarding(host, config, changes).await
}
