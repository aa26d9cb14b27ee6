//! A VPC's share: its link to the edge, its taps, its firewall, its addresses and routes, in this order. So a new tap is
//! up only when its rules hold, and one that goes is gone before they do.

use std::collections::{BTreeSet, HashMap};

use cumulet_model::InterfaceId;
use cumulet_ports::network::{InterfaceSpec, VpcSpec};

use super::firewall::{self, Filtering};
use super::links::{self, End};
use crate::config::NetConfig;
use crate::error::NetError;
use crate::handed_out::HandedOut;
use crate::l3::{Holding, Links};
use crate::sys::NetNs;
use crate::{l3, names, plan};

/// What a VPC's namespace holds after it was made what it shall be.
#[derive(Debug)]
pub struct Known {
    /// What was wanted.
    pub spec: VpcSpec,
    /// Rules and sets.
    pub filtering: Filtering,
    /// Its links.
    pub links: Links,
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
    let taps: BTreeSet<String> = vpc.interfaces.iter().map(|interface| names::tap(&interface.id)).collect();
    handed_out.look(|name| taps.contains(name));
    links::taps(ns, vpc, &mut l3::links(ns).await?, handed_out, changes).await?;
    let filtering = firewall::vpc(ns, vpc, changes).await?;
    let Holding { links, .. } = l3::converge(ns, plan::vpc(config, uplink_mtu, vpc), changes).await?;
    Ok(Known { spec: vpc.clone(), filtering, links })
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
    let Known { spec: old, filtering, mut links } = known;
    let (was, is) = apart(&old, vpc);
    let part = plan::vpc(config, uplink_mtu, &was);
    let mut held: Links = links.extract_if(.., |name, _| part.links.contains_key(name)).collect();
    let before = Holding { plan: part, links: held.clone() };
    links::taps(ns, &is, &mut held, handed_out, changes).await?;
    let filtering = firewall::advance_vpc(ns, filtering, (&old, vpc), changes).await?;
    let reached = l3::advance(ns, before, held, plan::vpc(config, uplink_mtu, &is), changes).await?;
    links.extend(reached.links);
    Ok(Known { spec: vpc.clone(), filtering, links })
}

/// Two states of a VPC with those interfaces alone that are not the same in both. What an interface has of links,
/// addresses and routes is its own alone, so these parts differ where the wholes do.
fn apart(old: &VpcSpec, new: &VpcSpec) -> (VpcSpec, VpcSpec) {
    fn by_id(vpc: &VpcSpec) -> HashMap<&InterfaceId, &InterfaceSpec> {
        vpc.interfaces.iter().map(|interface| (&interface.id, interface)).collect()
    }
    let part = |vpc: &VpcSpec, other: &HashMap<&InterfaceId, &InterfaceSpec>| {
        let differs = |interface: &&InterfaceSpec| other.get(&interface.id) != Some(interface);
        let interfaces = vpc.interfaces.iter().filter(differs).cloned().collect();
        VpcSpec { groups: vec![], interfaces, ..vpc.clone() }
    };
    (part(old, &by_id(new)), part(new, &by_id(old)))
}
