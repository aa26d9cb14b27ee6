//! Which ranges of addresses VPCs and subnets may have (VPC guide, "VPC CIDR blocks", "Subnet CIDR blocks").

use ipnet::{Ipv4Net, Ipv6Net};

use crate::{CloudError, ErrorCode};

/// Prefixes that a VPC and a subnet may have.
const SIZES: std::ops::RangeInclusive<u8> = 16..=28;
/// The prefix of a VPC's IPv6 range.
pub const VPC_IPV6_PREFIX: u8 = 56;
/// The prefix of a subnet's IPv6 range.
pub const SUBNET_IPV6_PREFIX: u8 = 64;

/// The private ranges of RFC 1918.
const PRIVATE: [Ipv4Net; 3] = [net([10, 0, 0, 0], 8), net([172, 16, 0, 0], 12), net([192, 168, 0, 0], 16)];
/// EC2's own, which it lends to nobody.
const RESERVED: Ipv4Net = net([198, 19, 0, 0], 16);
/// Addresses that name no host, the host itself, a link's neighbours or a group.
const NEVER: [Ipv4Net; 4] =
    [net([0, 0, 0, 0], 8), net([127, 0, 0, 0], 8), net([169, 254, 0, 0], 16), net([224, 0, 0, 0], 3)];

const fn net(octets: [u8; 4], prefix: u8) -> Ipv4Net {
    let [a, b, c, d] = octets;
    Ipv4Net::new_assert(std::net::Ipv4Addr::new(a, b, c, d), prefix)
}

/// Whether two ranges have addresses in common.
pub fn overlap(a: &Ipv4Net, b: &Ipv4Net) -> bool {
    a.contains(b) || b.contains(a)
}

/// Whether two IPv6 ranges have addresses in common.
pub fn overlap6(a: &Ipv6Net, b: &Ipv6Net) -> bool {
    a.contains(b) || b.contains(a)
}

/// A VPC's first range: a /16 to /28 of usable addresses.
pub fn check_vpc(cidr: Ipv4Net) -> Result<(), CloudError> {
    if SIZES.contains(&cidr.prefix_len()) && !NEVER.iter().any(|never| overlap(never, &cidr)) {
        return Ok(());
    }
    Err(CloudError::new(ErrorCode::InvalidVpcRange, format!("The CIDR '{cidr}' is invalid.")))
}

/// A further range of a VPC whose others are `held`, the first one first.
pub fn check_further(first: Ipv4Net, held: &[Ipv4Net], cidr: Ipv4Net) -> Result<(), CloudError> {
    check_vpc(cidr)?;
    if held.iter().any(|held| overlap(held, &cidr)) {
        let text = format!("The CIDR '{cidr}' conflicts with another CIDR block of the VPC");
        return Err(CloudError::new(ErrorCode::CidrConflict, text));
    }
    if is_restricted(first, held, cidr) {
        let text = format!(
            "The CIDR '{cidr}' is restricted. Use a CIDR from the same private address range as the current VPC CIDR, or use a publicly-routable CIDR."
        );
        return Err(CloudError::new(ErrorCode::InvalidVpcRange, text));
    }
    Ok(())
}

/// The guide's table of restrictions: nothing of another private range than the first range's own, nor of EC2's; beside
/// something of 10.0.0.0/15 nothing of 10.0.0.0/16; beside something of 172.16.0.0/12 nothing of 172.31.0.0/16.
fn is_restricted(first: Ipv4Net, held: &[Ipv4Net], cidr: Ipv4Net) -> bool {
    let private_of = |net: Ipv4Net| PRIVATE.iter().find(|range| overlap(range, &net));
    let foreign = private_of(cidr).is_some_and(|range| private_of(first) != Some(range));
    let within = |range: Ipv4Net, net: &Ipv4Net| overlap(&range, net);
    let low_ten =
        held.iter().any(|held| within(net([10, 0, 0, 0], 15), held)) && within(net([10, 0, 0, 0], 16), &cidr);
    let default_range = within(net([172, 16, 0, 0], 12), &first) && within(net([172, 31, 0, 0], 16), &cidr);
    foreign || low_ten || default_range || overlap(&RESERVED, &cidr)
}

/// A subnet's range: a /16 to /28 within one of the VPC's, apart from all its other subnets.
pub fn check_subnet(vpc: &[Ipv4Net], taken: &[Ipv4Net], cidr: Ipv4Net) -> Result<(), CloudError> {
    if !SIZES.contains(&cidr.prefix_len()) || !vpc.iter().any(|range| range.contains(&cidr)) {
        return Err(CloudError::new(ErrorCode::InvalidSubnetRange, format!("The CIDR '{cidr}' is invalid.")));
    }
    if taken.iter().any(|taken| overlap(taken, &cidr)) {
        let text = format!("The CIDR '{cidr}' conflicts with another subnet");
        return Err(CloudError::new(ErrorCode::InvalidSubnetConflict, text));
    }
    Ok(())
}

/// A subnet's IPv6 range: a /64 within one of the VPC's, apart from those of all its other subnets.
pub fn check_subnet6(vpc: &[Ipv6Net], taken: &[Ipv6Net], cidr: Ipv6Net) -> Result<(), CloudError> {
    if cidr.prefix_len() != SUBNET_IPV6_PREFIX || !vpc.iter().any(|range| range.contains(&cidr)) {
        return Err(CloudError::new(ErrorCode::InvalidSubnetRange, format!("The CIDR '{cidr}' is invalid.")));
    }
    if taken.contains(&cidr) {
        let text = format!("The CIDR '{cidr}' conflicts with another subnet");
        return Err(CloudError::new(ErrorCode::InvalidSubnetConflict, text));
    }
    Ok(())
}

/// The first /56 of the pool that is free. The very first one is nobody's: the links between host and VPCs are in it.
pub fn free_vpc6(pool: Ipv6Net, taken: &[Ipv6Net]) -> Option<Ipv6Net> {
    pool.subnets(VPC_IPV6_PREFIX)
        .ok()?
        .skip(1)
        .find(|range| !taken.iter().any(|taken| overlap6(taken, range)))
}

/// The first range of this size in a VPC's first range that no subnet overlaps.
pub fn free_subnet(vpc: Ipv4Net, taken: &[Ipv4Net], prefix: u8) -> Option<Ipv4Net> {
    vpc.subnets(prefix).ok()?.find(|range| !taken.iter().any(|taken| overlap(taken, range)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(text: &str) -> Ipv4Net {
        text.parse().unwrap()
    }

    #[test]
    fn a_vpc_is_from_a_16_to_a_28_of_usable_addresses() {
        for good in ["10.0.0.0/16", "10.0.0.0/28", "198.18.0.0/16", "100.64.0.0/16", "8.8.8.0/24"] {
            check_vpc(v4(good)).unwrap();
        }
        for bad in
            ["10.0.0.0/15", "10.0.0.0/29", "127.0.0.0/16", "169.254.1.0/24", "224.0.0.0/16", "0.0.0.0/16"]
        {
            assert_eq!(check_vpc(v4(bad)).unwrap_err().code, ErrorCode::InvalidVpcRange, "{bad}");
        }
    }

    #[test]
    fn a_further_range_keeps_to_the_guides_table() {
        let code = |first: &str, cidr: &str| {
            let first = v4(first);
            check_further(first, &[first], v4(cidr)).err().map(|error| error.code)
        };
        let restricted = Some(ErrorCode::InvalidVpcRange);
        assert_eq!(code("10.5.0.0/16", "10.6.0.0/16"), None);
        assert_eq!(code("10.5.0.0/16", "10.5.8.0/24"), Some(ErrorCode::CidrConflict));
        assert_eq!(code("10.5.0.0/16", "10.0.0.0/16"), None);
        assert_eq!(code("10.1.0.0/16", "10.0.0.0/16"), restricted);
        assert_eq!(code("10.5.0.0/16", "192.168.0.0/24"), restricted);
        assert_eq!(code("10.5.0.0/16", "100.64.0.0/16"), None);
        assert_eq!(code("10.5.0.0/16", "198.19.4.0/24"), restricted);
        assert_eq!(code("172.16.0.0/16", "172.31.0.0/24"), restricted);
        assert_eq!(code("172.16.0.0/16", "172.17.0.0/16"), None);
        assert_eq!(code("192.168.0.0/24", "192.168.1.0/24"), None);
        assert_eq!(code("8.8.0.0/16", "10.0.0.0/16"), restricted);
        assert_eq!(code("8.8.0.0/16", "9.9.0.0/16"), None);
    }

    #[test]
    fn subnets_lie_within_and_apart() {
        let (vpc, taken) = ([v4("10.0.0.0/16"), v4("10.2.0.0/24")], [v4("10.0.1.0/24")]);
        let code = |cidr: &str| check_subnet(&vpc, &taken, v4(cidr)).err().map(|error| error.code);
        assert_eq!(code("10.0.0.0/24"), None);
        assert_eq!(code("10.2.0.0/24"), None);
        assert_eq!(code("10.0.0.0/23"), Some(ErrorCode::InvalidSubnetConflict));
        assert_eq!(code("10.0.1.128/25"), Some(ErrorCode::InvalidSubnetConflict));
        assert_eq!(code("10.2.0.0/23"), Some(ErrorCode::InvalidSubnetRange));
        assert_eq!(code("10.0.0.0/29"), Some(ErrorCode::InvalidSubnetRange));
        assert_eq!(free_subnet(vpc[0], &taken, 23), Some(v4("10.0.2.0/23")));
    }

    #[test]
    fn ipv6_ranges_come_out_of_the_pool() {
        let pool: Ipv6Net = "fd00:c0de::/48".parse().unwrap();
        let first = free_vpc6(pool, &[]).unwrap();
        assert_eq!(first.to_string(), "fd00:c0de:0:100::/56");
        let second = free_vpc6(pool, &[first]).unwrap();
        assert_eq!(second.to_string(), "fd00:c0de:0:200::/56");
        let all: Vec<_> = pool.subnets(56).unwrap().collect();
        assert_eq!((all.len(), free_vpc6(pool, &all)), (256, None));
        let code = |cidr: &str| {
            let taken = ["fd00:c0de:0:100::/64".parse().unwrap()];
            check_subnet6(&[first], &taken, cidr.parse().unwrap()).err().map(|error| error.code)
        };
        assert_eq!(code("fd00:c0de:0:101::/64"), None);
        assert_eq!(code("fd00:c0de:0:100::/64"), Some(ErrorCode::InvalidSubnetConflict));
        assert_eq!(code("fd00:c0de:0:100::/60"), Some(ErrorCode::InvalidSubnetRange));
        assert_eq!(code("fd00:c0de:0:200::/64"), Some(ErrorCode::InvalidSubnetRange));
    }
}
