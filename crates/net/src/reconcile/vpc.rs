//! A VPC's share: its link to the edge, its taps, its firewall, its addresses and routes, in this order. So a new tap is
//! up only when its rules hold, and one that goes is gone before they do.

use cumulet_ports::network::VpcSpec;

use super::firewall;
use super::links::{self, End};
use crate::config::NetConfig;
use crate::error::NetError;
use crate::sys::NetNs;
use crate::{l3, names, plan};

/// Makes the VPC's namespace hold what it shall.
pub async fn reconcile(
    config: &NetConfig,
    uplink_mtu: u32,
    ns: &NetNs,
    edge: &NetNs,
    vpc: &VpcSpec,
    changes: &mut Vec<String>,
) -> Result<(), NetError> {
    let far = names::edge_link(&vpc.id);
    links::veth(End { ns, name: names::IGW }, End { ns: edge, name: &far }, changes).await?;
    links::taps(ns, vpc, changes).await?;
    firewall::vpc(ns, vpc, changes).await?;
    l3::converge(ns, &plan::vpc(config, uplink_mtu, vpc), changes).await
}
