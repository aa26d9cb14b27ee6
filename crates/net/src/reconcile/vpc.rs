//! A VPC's share: its link to the edge, its taps, its firewall, its addresses and routes, in this order. So a new tap is
//! up only when its rules hold, and one that goes is gone before they do.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use cumulet_model::InterfaceId;
use cumulet_ports::network::{InterfaceSpec, RouteTarget, VpcSpec};

use super::firewall;
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
    pub spec: Arc<VpcSpec>,
    /// Its links.
    pub links: Links,
}

/// Makes the VPC's namespace hold what it shall. `before` is what was wanted last, if that is known.
pub async fn reconcile(
    config: &NetConfig,
    uplink_mtu: u32,
    (ns, handed_out): (&NetNs, &HandedOut),
    edge: &NetNs,
    (before, vpc): (Option<&VpcSpec>, &VpcSpec),
    changes: &mut Vec<String>,
) -> Result<Known, NetError> {
    for (near, far) in links_to_edge(vpc) {
        links::veth(End { ns, name: &near }, End { ns: edge, name: &far }, changes).await?;
    }
    let taps: BTreeSet<String> = vpc.interfaces.iter().map(|interface| names::tap(&interface.id)).collect();
    handed_out.look(|name| taps.contains(name));
    links::taps(ns, vpc, &mut l3::links(ns).await?, handed_out, changes).await?;
    firewall::vpc(ns, before, vpc, changes).await?;
    let plan = plan::vpc(config, uplink_mtu, vpc);
    for prefix in [names::IGW, names::EGRESS_ONLY, names::NAT_PREFIX] {
        links::prune(ns, prefix, |name| plan.links.contains_key(name), changes).await?;
    }
    let Holding { links, .. } = l3::converge(ns, plan, changes).await?;
    Ok(Known { spec: Arc::new(vpc.clone()), links })
}

/// The links that a VPC has to the edge, each with the name of its other end.
fn links_to_edge(vpc: &VpcSpec) -> Vec<(String, String)> {
    let gateway = vpc.internet_gateway.then(|| (names::IGW.to_owned(), names::edge_link(&vpc.id)));
    let egress_only = (vpc.egress_only_gateway && plan::has_v6(vpc))
        .then(|| (names::EGRESS_ONLY.to_owned(), names::edge_egress_link(&vpc.id)));
    let nat = vpc.nat_gateways.iter().map(|nat| (names::nat_link(&nat.id), names::edge_nat_link(&nat.id)));
    gateway.into_iter().chain(egress_only).chain(nat).collect()
}

/// The same from what it is known to hold, without looking. Its links to the edge are the same.
pub async fn advance(
    config: &NetConfig,
    uplink_mtu: u32,
    (ns, handed_out): (&NetNs, &HandedOut),
    known: Known,
    vpc: &VpcSpec,
    changes: &mut Vec<String>,
) -> Result<Known, NetError> {
    let Known { spec: old, mut links } = known;
    let (was, is) = apart(&old, vpc);
    let part = plan::vpc(config, uplink_mtu, &was);
    let mut held: Links = links.extract_if(.., |name, _| part.links.contains_key(name)).collect();
    let before = Holding { plan: part, links: held.clone() };
    links::taps(ns, &is, &mut held, handed_out, changes).await?;
    firewall::advance_vpc(ns, (&old, vpc), changes).await?;
    let reached = l3::advance(ns, before, held, plan::vpc(config, uplink_mtu, &is), changes).await?;
    links.extend(reached.links);
    Ok(Known { spec: Arc::new(vpc.clone()), links })
}

/// Two states of a VPC with those interfaces alone that are not the same in both, or that routes lead to. What an
/// interface has of links, addresses and routes is its own alone, so these parts differ where the wholes do.
fn apart(old: &VpcSpec, new: &VpcSpec) -> (VpcSpec, VpcSpec) {
    fn by_id(vpc: &VpcSpec) -> HashMap<&InterfaceId, &InterfaceSpec> {
        vpc.interfaces.iter().map(|interface| (&interface.id, interface)).collect()
    }
    let routes = [old, new].into_iter().flat_map(|vpc| &vpc.route_tables).flat_map(|table| &table.routes);
    let led_to: BTreeSet<&InterfaceId> = routes
        .filter_map(|route| match &route.target {
            RouteTarget::Interface(id) => Some(id),
            _ => None,
        })
        .collect();
    let part = |vpc: &VpcSpec, other: &HashMap<&InterfaceId, &InterfaceSpec>| {
        let differs = |interface: &&InterfaceSpec| {
            other.get(&interface.id) != Some(interface) || led_to.contains(&interface.id)
        };
        let interfaces = vpc.interfaces.iter().filter(differs).cloned().collect();
        VpcSpec { groups: vec![], interfaces, ..vpc.clone() }
    };
    (part(old, &by_id(new)), part(new, &by_id(old)))
}
