//! The host's share: a link and a route to the edge, three chains of its firewall, and forwarding.

use super::links::{self, End};
use super::{firewall, found};
use crate::config::NetConfig;
use crate::error::NetError;
use crate::sys::NetNs;
use crate::{l3, names, plan};

/// Makes the host hold what it shall. The chains come before the link is up, so that nothing slips through.
pub async fn reconcile(
    config: &NetConfig,
    host: &NetNs,
    edge: &NetNs,
    changes: &mut Vec<String>,
) -> Result<(), NetError> {
    let rules = firewall::held_rules(host).await?;
    found::note(host, config, &rules).await?;
    let link = names::host_link(&config.tag);
    let ends = (End { ns: edge, name: names::EDGE_UP }, End { ns: host, name: &link });
    links::veth(ends.0, ends.1, changes).await?;
    firewall::host(host, config, &rules, changes).await?;
    l3::converge(host, &plan::host(config), changes).await?;
    found::enable_forwarding(host, changes).await
}
