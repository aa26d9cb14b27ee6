//! Permanent neighbours: what there are, and the way to those that shall be.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use cumulet_model::MacAddr;
use futures::TryStreamExt;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};

use super::{Link, Plan};
use crate::error::NetError;
use crate::sys::NetNs;

/// Neighbours by their link's index.
pub type Neighbours = BTreeSet<(u32, IpAddr, MacAddr)>;

/// The permanent neighbours of a namespace.
pub async fn look(ns: &NetNs) -> Result<Neighbours, NetError> {
    let all = ns.netlink().neighbours().get().set_address_family(AddressFamily::Unspec).execute();
    let messages: Vec<_> = all
        .try_collect()
        .await
        .map_err(NetError::netlink(format!("list the neighbours of {}", ns.name())))?;
    let permanent = messages.iter().filter(|message| message.header.state == NeighbourState::Permanent);
    Ok(permanent
        .filter_map(|message| {
            let (mut address, mut mac) = (None, None);
            for attribute in &message.attributes {
                match attribute {
                    NeighbourAttribute::Destination(NeighbourAddress::Inet(ip)) => {
                        address = Some((*ip).into())
                    }
                    NeighbourAttribute::Destination(NeighbourAddress::Inet6(ip)) => {
                        address = Some((*ip).into())
                    }
                    NeighbourAttribute::LinkLayerAddress(bytes) => mac = bytes.as_slice().try_into().ok(),
                    _ => {}
                }
            }
            Some((message.header.ifindex, address?, MacAddr(mac?)))
        })
        .collect())
}

/// Leads from those that are `held` to the plan's.
pub async fn lead(
    ns: &NetNs,
    plan: &Plan,
    ours: &BTreeMap<&str, &Link>,
    held: Neighbours,
    changes: &mut Vec<String>,
) -> Result<(), NetError> {
    let wanted: Neighbours = plan
        .neighbours
        .iter()
        .filter_map(|(name, ip, mac)| Some((ours.get(name.as_str())?.index, *ip, *mac)))
        .collect();
    let our_indices: BTreeSet<u32> = ours.values().map(|link| link.index).collect();
    for (index, ip, mac) in held.difference(&wanted).filter(|(index, ..)| our_indices.contains(index)) {
        // One that gets another Ethernet address is replaced below.
        let any = |mac: [u8; 6]| (*index, *ip, MacAddr(mac));
        if wanted.range(any([0; 6])..=any([0xff; 6])).next().is_some() {
            continue;
        }
        let request = ns.netlink().neighbours().del(message(*index, *ip));
        request.execute().await.map_err(NetError::netlink(format!("remove neighbour {ip}")))?;
        changes.push(format!("{}: neighbour {ip} at {mac} removed", ns.name()));
    }
    for (index, ip, mac) in wanted.difference(&held) {
        let request = ns.netlink().neighbours().add(*index, *ip).link_layer_address(&mac.0).replace();
        request.execute().await.map_err(NetError::netlink(format!("add neighbour {ip}")))?;
        changes.push(format!("{}: neighbour {ip} at {mac}", ns.name()));
    }
    Ok(())
}

fn message(index: u32, ip: IpAddr) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = if ip.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    message.header.ifindex = index;
    message.attributes.push(NeighbourAttribute::Destination(ip.into()));
    message
}
