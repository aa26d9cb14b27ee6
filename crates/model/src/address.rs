//! Address arithmetic of subnets: what is reserved, what can be given out, what names addresses have.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::place::Region;

/// The first address of a subnet that instances may have: EC2 reserves the first four and the last one (VPC guide,
/// "Subnet sizing": network, router, DNS, future use; broadcast).
const RESERVED_BELOW: u32 = 4;

/// The subnet's router: its first host address.
pub fn router(subnet: Ipv4Net) -> Ipv4Addr {
    nth(subnet, 1)
}

/// The VPC's DNS server: the network's base plus two.
pub fn dns(vpc: Ipv4Net) -> Ipv4Addr {
    nth(vpc, 2)
}

/// Whether `address` can be an interface's private address in `subnet`.
pub fn is_assignable(subnet: Ipv4Net, address: Ipv4Addr) -> bool {
    subnet.contains(&address)
        && u32::from(address) - u32::from(subnet.network()) >= RESERVED_BELOW
        && address != subnet.broadcast()
}

/// How many interfaces a subnet can hold.
pub fn assignable_count(subnet: Ipv4Net) -> u32 {
    let size = 1u64 << (32 - subnet.prefix_len());
    u32::try_from(size.saturating_sub(u64::from(RESERVED_BELOW) + 1)).unwrap_or(u32::MAX)
}

/// The lowest address of `subnet` above `after` (the first of all when `None`) that `taken` does not say is in use,
/// going round once at the end. Going on after the last one given out keeps an address unused for a while after its
/// release, as a peer may still remember its former owner.
pub fn next_free(
    subnet: Ipv4Net,
    after: Option<Ipv4Addr>,
    taken: impl Fn(Ipv4Addr) -> bool,
) -> Option<Ipv4Addr> {
    let count = assignable_count(subnet);
    let first = u32::from(subnet.network()).checked_add(RESERVED_BELOW)?;
    let start = after
        .filter(|address| is_assignable(subnet, *address))
        .map_or(0, |address| (u32::from(address) - first + 1) % count.max(1));
    (0..count)
        .map(|i| Ipv4Addr::from(first + ((u64::from(start) + u64::from(i)) % u64::from(count)) as u32))
        .find(|address| !taken(*address))
}

fn nth(net: Ipv4Net, n: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(net.network()).wrapping_add(n))
}

/// `ip-172-31-0-5.ec2.internal`, the private DNS name of an address.
pub fn private_dns_name(region: &Region, address: Ipv4Addr) -> String {
    format!("{}.{}", private_host_name(address), region.private_domain())
}

/// `ip-172-31-0-5`, the first label of the private DNS name.
pub fn private_host_name(address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("ip-{a}-{b}-{c}-{d}")
}

/// `ec2-198-18-0-5.compute-1.amazonaws.com`, the public DNS name of an address.
pub fn public_dns_name(region: &Region, address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("ec2-{a}-{b}-{c}-{d}.{}", region.public_domain())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn five_addresses_of_each_subnet_are_reserved() {
        let subnet: Ipv4Net = "10.0.0.0/28".parse().unwrap();
        assert_eq!(assignable_count(subnet), 11);
        let free: Vec<_> = subnet.hosts().filter(|a| is_assignable(subnet, *a)).collect();
        assert_eq!(free.len(), 11);
        assert_eq!(router(subnet), Ipv4Addr::new(10, 0, 0, 1));
        assert_eq!(next_free(subnet, None, |_| false), Some(Ipv4Addr::new(10, 0, 0, 4)));
        assert_eq!(next_free(subnet, None, |_| true), None);
    }

    #[test]
    fn after_the_last_address_the_search_goes_round() {
        let subnet: Ipv4Net = "10.0.0.0/28".parse().unwrap();
        let last = Ipv4Addr::new(10, 0, 0, 14);
        assert_eq!(next_free(subnet, Some(last), |_| false), Some(Ipv4Addr::new(10, 0, 0, 4)));
    }

    proptest! {
        #[test]
        fn what_is_given_out_is_assignable_and_not_taken(base: u32, prefix in 16u8..=28, after: u32, taken: Vec<u32>) {
            let subnet = Ipv4Net::new(Ipv4Addr::from(base), prefix).unwrap().trunc();
            let taken: Vec<_> = taken.into_iter().map(Ipv4Addr::from).collect();
            let found = next_free(subnet, Some(Ipv4Addr::from(after)), |a| taken.contains(&a)).unwrap();
            prop_assert!(is_assignable(subnet, found));
            prop_assert!(!taken.contains(&found));
        }
    }
}
