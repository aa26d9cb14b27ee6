//! Whether the host's own routes are in the way of the cloud's addresses.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::row::Row;

/// The default VPC's addresses.
const DEFAULT_VPC: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(172, 31, 0, 0), 16);

/// The public pool must be the cloud's alone; the VPC's addresses are better so too.
pub fn check(public_pool: Ipv4Net) -> Vec<Row> {
    let table = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
    let routes: Vec<_> = routes(&table).collect();
    let pool = match conflict(&routes, public_pool) {
        None => Row::ok("public addresses", format!("{public_pool} is free")),
        Some(route) => Row::fail(
            "public addresses",
            format!(
                "{public_pool} is given out by the cloud, but {} goes out by {}",
                route.net, route.device
            ),
            "start the daemon with another --public-pool",
        ),
    };
    let vpc = match conflict(&routes, DEFAULT_VPC) {
        None => Row::ok("private addresses", format!("{DEFAULT_VPC} is free")),
        Some(route) => Row::warn(
            "private addresses",
            format!(
                "{} goes out by {}: instances of the default VPC can't reach it",
                route.net, route.device
            ),
            "nothing to mend unless instances need those hosts",
        ),
    };
    vec![pool, vpc]
}

struct Route<'a> {
    device: &'a str,
    net: Ipv4Net,
}

fn conflict<'a>(routes: &'a [Route<'a>], ours: Ipv4Net) -> Option<&'a Route<'a>> {
    routes.iter().find(|route| {
        let overlaps = route.net.contains(&ours.network()) || ours.contains(&route.net.network());
        // The default route is everybody's; a link to an edge namespace is the cloud's own.
        overlaps && route.net.prefix_len() > 0 && !route.device.ends_with("-edge")
    })
}

/// The lines of `/proc/net/route`: addresses are hexadecimal in the host's byte order.
fn routes(table: &str) -> impl Iterator<Item = Route<'_>> {
    table.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let address = |i: usize| {
            let number = u32::from_str_radix(fields.get(i)?, 16).ok()?;
            Some(Ipv4Addr::from(number.to_ne_bytes()))
        };
        let net = Ipv4Net::with_netmask(address(1)?, address(7)?).ok()?;
        Some(Route { device: fields.first()?, net })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	0100A8C0	0003	0	0	0	00000000	0	0	0
eth0	00001FAC	00000000	0001	0	0	0	0000FFFF	0	0	0
cumulet-edge	000012C6	00000000	0001	0	0	0	00FFFFFF	0	0	0
";

    #[test]
    fn a_route_in_the_way_is_found_and_our_own_is_not() {
        let routes: Vec<_> = routes(TABLE).collect();
        assert_eq!(routes.len(), 3);
        assert_eq!(conflict(&routes, DEFAULT_VPC).unwrap().net, DEFAULT_VPC);
        let pool = Ipv4Net::new_assert(Ipv4Addr::new(198, 18, 0, 0), 24);
        assert_eq!(routes[2].net, pool);
        assert!(conflict(&routes, pool).is_none());
        assert!(conflict(&routes, Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 8)).is_none());
    }
}
