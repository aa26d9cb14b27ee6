//! Network interfaces: hardware address, addresses, routes, and what is believed of neighbours.

use std::fs;
use std::net::{IpAddr, Ipv6Addr};

use cumulet_agent_protocol::{Cidr, Interface, Mac};

use super::{Step, cannot, dhcp};
use crate::System;
use crate::netlink::{Address, Link, Netlink};

/// Makes an interface what it is to be.
pub fn change(system: &System, wanted: &Interface) -> Step {
    if !system.is_real() {
        return Ok(());
    }
    let (name, link) = find(wanted)?;
    dhcp::forget(system, &name);
    let mut netlink = Netlink::open().map_err(cannot("reach the kernel's network"))?;
    change_link(&mut netlink, link, wanted)
}

/// By the address that it is to have, for it may have been done before, else by the one it had.
fn find(wanted: &Interface) -> Result<(String, Link), String> {
    let entries = fs::read_dir("/sys/class/net").map_err(cannot("list the interfaces"))?;
    let mut by_previous = None;
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let line =
            |file: &str| fs::read_to_string(entry.path().join(file)).unwrap_or_default().trim().to_owned();
        let (Ok(mac), Ok(index)) = (line("address").parse::<Mac>(), line("ifindex").parse()) else {
            continue;
        };
        if mac == wanted.mac {
            return Ok((name, Link(index)));
        }
        if Some(mac) == wanted.previous_mac {
            by_previous = Some((name, Link(index)));
        }
    }
    by_previous.ok_or_else(|| match wanted.previous_mac {
        Some(previous) => format!("no interface has this hardware address or {previous}"),
        None => "no interface has this hardware address".to_owned(),
    })
}

pub(crate) fn change_link(netlink: &mut Netlink, link: Link, wanted: &Interface) -> Step {
    netlink.set_mac(link, wanted.mac).map_err(cannot("set the hardware address"))?;
    let there = netlink.addresses(link).map_err(cannot("list the addresses"))?;
    let old_link_local = wanted.previous_mac.map(link_local);
    for address in &there {
        if goes(address, wanted, old_link_local) {
            netlink.remove_address(link, address.cidr).map_err(cannot("remove an address"))?;
        }
    }
    netlink.set_up(link).map_err(cannot("set it up"))?;
    let mut wished = wanted.addresses.clone();
    if there.iter().any(|address| Some(address.cidr.address) == old_link_local) {
        wished.push(Cidr { address: link_local(wanted.mac), prefix: 64 });
    }
    for cidr in wished {
        netlink.add_address(link, cidr).map_err(|error| format!("can't add the address {cidr}: {error}"))?;
    }
    for route in netlink.routes(link).map_err(cannot("list the routes"))? {
        // One that went with its address in the meantime is gone as well.
        _ = netlink.remove_route(&route);
    }
    for route in &wanted.routes {
        let added = netlink.add_route(link, route);
        added.map_err(|error| format!("can't add the route to {}: {error}", route.destination))?;
    }
    netlink.forget_neighbours(link).map_err(cannot("forget the neighbours"))
}

/// Link-local addresses stay, unless made from the old hardware address.
fn goes(address: &Address, wanted: &Interface, old_link_local: Option<IpAddr>) -> bool {
    if address.is_link_local {
        return Some(address.cidr.address) == old_link_local && wanted.previous_mac != Some(wanted.mac);
    }
    !wanted.addresses.contains(&address.cidr)
}

/// The IPv6 address that the kernel makes of a hardware address (RFC 4291, appendix A).
fn link_local(mac: Mac) -> IpAddr {
    let [a, b, c, d, e, f] = mac.0;
    let word = |high: u8, low: u8| u16::from_be_bytes([high, low]);
    Ipv6Addr::new(0xfe80, 0, 0, 0, word(a ^ 2, b), word(c, 0xff), word(0xfe, d), word(e, f)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_local_address_is_made_of_the_hardware_address() {
        assert_eq!(link_local("02:00:0a:01:02:03".parse().unwrap()).to_string(), "fe80::aff:fe01:203");
    }
}
