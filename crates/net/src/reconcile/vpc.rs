//! A VPC's share: its link to the edge, its taps, its firewall, its addresses and routes, in this order. So a new tap is
//! up only when its rules hold, and one that goes is gone before they do.

use cumulet_ports::network::VpcSpec;

use super::firewall::{self, Filtering};
use super::links::{self, End};
use crate::config::NetConfig;
use crate::error::NetError;
use crate::handed_out::HandedOut;
use crate::l3::Holding;
use crate::sys::NetNs;
use crate::{l3, names, plan};

/// What a VPC's namespace holds after it was made what it shall be.
#[derive(Debug)]
pub struct Known {
    /// What was wanted.
    pub spec: VpcSpec,
    /// Rules and sets.
    pub filtering: Filtering,
    /// Links, addresses and routes.
    pub holding: Holding,
}

/// Makes the VPC's namespace hold what it shall.
pub async fn reconcile(
    config: &NetConfig,
    uplink_mtu: u32,
    (ns, handed_out): (&NetNs, &HandedOut),
    edge: &NetNs,
    vpc: &VpcSpec,
    changes: &mut Vec<String>,
) -> Result<Known, NetError> {
    let far = names::edge_link(&vpc.id);
    links::veth(End { ns, name: names::IGW }, End { ns: edge, name: &far }, changes).await?;
    links::taps(ns, vpc, &mut l3::links(ns).await?, handed_out, changes).await?;
    let filtering = firewall::vpc(ns, vpc, changes).await?;
    let holding = l3::converge(ns, &plan::vpc(config, uplink_mtu, vpc), changes).await?;
    Ok(Known { spec: vpc.clone(), filtering, holding })
}

/// The same from what it is known to hold, without looking.
pub async fn advance(
    config: &NetConfig,
    uplink_mtu: u32,
    (ns, handed_out): (&NetNs, &HandedOut),
    known: Known,
    vpc: &VpcSpec,
    changes: &mut Vec<String>,
) -> Result<Known, NetError> {
    let old = &known.spec;
    if old.interfaces == vpc.interfaces {
        let filtering = firewall::advance_vpc(ns, known.filtering, (old, vpc), changes).await?;
        return Ok(Known { spec: vpc.clone(), filtering, holding: known.holding });
    }
    let mut links = known.holding.links.clone();
    links::taps(ns, vpc, &mut links, handed_out, changes).await?;
    let filtering = firewall::advance_vpc(ns, known.filtering, (old, vpc), changes).await?;
    let plan = plan::vpc(config, uplink_mtu, vpc);
    let holding = l3::advance(ns, known.holding, links, &plan, changes).await?;
    Ok(Known { spec: vpc.clone(), filtering, holding })
}
