//! The edge router's share: a link to each VPC and a route for each public address.

use cumulet_ports::network::NetworkSpec;

use super::links;
use crate::config::NetConfig;
use crate::error::NetError;
use crate::l3::Holding;
use crate::sys::NetNs;
use crate::{l3, names, plan};

/// Makes the edge hold what it shall. The links to the host and to the VPCs must be there.
pub async fn reconcile(
    config: &NetConfig,
    uplink_mtu: u32,
    edge: &NetNs,
    desired: &NetworkSpec,
    changes: &mut Vec<String>,
) -> Result<Holding, NetError> {
    let plan = plan::edge(config, uplink_mtu, desired);
    for prefix in [names::VPC_LINK_PREFIX, names::EDGE_EGRESS_PREFIX, names::EDGE_NAT_PREFIX] {
        links::prune(edge, prefix, |name| plan.links.contains_key(name), changes).await?;
    }
    l3::converge(edge, plan, changes).await
}

/// The same from what it is known to hold, without looking; its links are the same.
pub async fn advance(
    config: &NetConfig,
    uplink_mtu: u32,
    edge: &NetNs,
    held: Holding,
    desired: &NetworkSpec,
    changes: &mut Vec<String>,
) -> Result<Holding, NetError> {
    let links = held.links.clone();
    l3::advance(edge, held, links, plan::edge(config, uplink_mtu, desired), changes).await
}
