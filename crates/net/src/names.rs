//! The names and fixed addresses of what we make on the host.
//!
//! Kernel limits: 15 bytes for a link, 28 for a chain, 31 for a set.

use std::net::{Ipv4Addr, Ipv6Addr};

use cumulet_model::{GroupId, InterfaceId, MacAddr, NatGatewayId, PrefixListId, SubnetId, VpcId};

use crate::config::Tag;
use crate::family::Family;

/// The metadata service.
pub const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
/// The DNS server's address that is the same in every VPC.
pub const DNS_LINK_LOCAL: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 253);
/// Ethernet address of the VPC's end of each guest's link. The same each time a tap is made, so that what a guest knows
/// of its router stays true.
pub const ROUTER_MAC: MacAddr = MacAddr([0x02, 0, 169, 254, 169, 253]);
/// The DNS server's IPv6 address, the same in every VPC.
pub const DNS_LINK_LOCAL_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x253);
/// The metadata service's IPv6 address.
pub const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
/// The edge's end of the link to a VPC; the same on each link, as each is a world of its own.
pub const EDGE_TO_VPC: Ipv4Addr = Ipv4Addr::new(169, 254, 254, 1);
/// The VPC's end of that link.
pub const VPC_TO_EDGE: Ipv4Addr = Ipv4Addr::new(169, 254, 254, 2);
/// The VPC's link to the edge.
pub const IGW: &str = "igw";
/// The VPC's link to the edge for what goes out by its egress-only internet gateway.
pub const EGRESS_ONLY: &str = "eigw";
/// What the names of a VPC's links for its NAT gateways begin with.
pub const NAT_PREFIX: &str = "nat";
/// What the names of the edge's ends of those links begin with.
pub const EDGE_NAT_PREFIX: &str = "gw";
/// What the names of the edge's links for egress-only internet gateways begin with.
pub const EDGE_EGRESS_PREFIX: &str = "out";
/// The router's address on each tap, and the edge's on its links to VPCs.
pub const ROUTER_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
/// The VPC's address on its links to the edge.
pub const VPC_TO_EDGE_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);
/// The edge's link to the host.
pub const EDGE_UP: &str = "host";
/// What taps' names begin with.
pub const TAP_PREFIX: &str = "tap";
/// What the edge's links to VPCs begin with.
pub const VPC_LINK_PREFIX: &str = "vpc";

/// Namespace of a VPC.
pub fn vpc_namespace(tag: &Tag, vpc: &VpcId) -> String {
    format!("{}{}", vpc_namespace_prefix(tag), &vpc.digits()[..8])
}

/// What the namespaces of all VPCs of an installation begin with.
pub fn vpc_namespace_prefix(tag: &Tag) -> String {
    format!("{tag}-vpc-")
}

/// Namespace of the installation's edge router.
pub fn edge_namespace(tag: &Tag) -> String {
    format!("{tag}-edge")
}

/// The host's link to the edge.
pub fn host_link(tag: &Tag) -> String {
    format!("{tag}-edge")
}

/// The edge's link to a VPC.
pub fn edge_link(vpc: &VpcId) -> String {
    format!("{VPC_LINK_PREFIX}{}", &vpc.digits()[..8])
}

/// The edge's end of the link for a VPC's egress-only internet gateway.
pub fn edge_egress_link(vpc: &VpcId) -> String {
    format!("{EDGE_EGRESS_PREFIX}{}", &vpc.digits()[..8])
}

/// A VPC's link to the edge for one of its NAT gateways, which bears its number.
pub fn nat_link(gateway: &NatGatewayId) -> String {
    let digits = gateway.digits();
    format!("{NAT_PREFIX}{}", &digits[..digits.len().min(12)])
}

/// The edge's end of that link.
pub fn edge_nat_link(gateway: &NatGatewayId) -> String {
    let digits = gateway.digits();
    format!("{EDGE_NAT_PREFIX}{}", &digits[..digits.len().min(12)])
}

/// Tap of an interface, in its VPC's namespace.
pub fn tap(interface: &InterfaceId) -> String {
    let digits = interface.digits();
    format!("{TAP_PREFIX}{}", &digits[..digits.len().min(11)])
}

/// The 64-bit FNV-1a hash, whose values are the same in every build, as names in the kernel must be.
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Chain of a group's rules; `way` is `in` or `out`.
pub fn group_chain(group: &GroupId, way: &str) -> String {
    format!("sg-{}-{way}", group.digits())
}

/// Chain of a subnet's network ACL; `way` is `in` or `out`.
pub fn acl_chain(subnet: &SubnetId, way: &str) -> String {
    format!("acl-{}-{way}", subnet.digits())
}

/// Set of a group's members' addresses of a family.
pub fn member_set(group: &GroupId, family: Family) -> String {
    match family {
        Family::V4 => format!("sg-{}", group.digits()),
        Family::V6 => format!("sg6-{}", group.digits()),
    }
}

/// Set of the prefixes that a prefix list has of a family.
pub fn list_set(list: &PrefixListId, family: Family) -> String {
    match family {
        Family::V4 => format!("pl-{}", list.digits()),
        Family::V6 => format!("pl6-{}", list.digits()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_names_fit_the_kernels_limits() {
        let tag: Tag = "cumulet".parse().unwrap();
        let eni: InterfaceId = "eni-0123456789abcdef0".parse().unwrap();
        let group: GroupId = "sg-0123456789abcdef0".parse().unwrap();
        let vpc: VpcId = "vpc-0123456789abcdef0".parse().unwrap();
        assert!(tap(&eni).len() <= 15 && host_link(&tag).len() <= 15 && edge_link(&vpc).len() <= 15);
        let nat: NatGatewayId = "nat-0123456789abcdef0".parse().unwrap();
        assert!(nat_link(&nat).len() <= 15 && edge_nat_link(&nat).len() <= 15);
        assert!(group_chain(&group, "out").len() <= 28);
        let subnet: SubnetId = "subnet-0123456789abcdef0".parse().unwrap();
        assert!(acl_chain(&subnet, "out").len() <= 28);
        let list: PrefixListId = "pl-0123456789abcdef0".parse().unwrap();
        assert!(Family::BOTH.iter().all(|family| member_set(&group, *family).len() <= 31));
        assert!(Family::BOTH.iter().all(|family| list_set(&list, *family).len() <= 31));
        assert_eq!(vpc_namespace(&tag, &vpc), "cumulet-vpc-01234567");
    }
}
