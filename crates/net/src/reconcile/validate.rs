//! Rules that a desired state must keep before any of it is applied.

use std::collections::BTreeSet;

use cumulet_model::address;
use cumulet_ports::network::{NetworkSpec, VpcSpec};
use ipnet::Ipv6Net;

use crate::config::NetConfig;
use crate::error::NetError;
use crate::{names, plan};

/// Checks that names and addresses don't collide and that what is referred to is there.
pub fn validate(config: &NetConfig, desired: &NetworkSpec) -> Result<(), NetError> {
    let pool = config.public_pool;
    if !(16..=29).contains(&pool.prefix_len()) {
        return Err(NetError::spec("public pool", "a /16 to /29"));
    }
    validate_v6(config, desired)?;
    let mut namespaces = BTreeSet::new();
    let mut public = BTreeSet::new();
    for vpc in &desired.vpcs {
        if !namespaces.insert(names::vpc_namespace(&config.tag, &vpc.id)) {
            return Err(NetError::spec(vpc.id.as_str(), "another VPC's id begins with the same 8 digits"));
        }
        let interfaces = vpc.interfaces.iter().flat_map(|interface| {
            plan::public_addresses(interface).map(|(public, _)| (interface.id.as_str(), public))
        });
        let gateways = vpc.nat_gateways.iter().map(|gateway| (gateway.id.as_str(), gateway.public_ip));
        for (owner, ip) in interfaces.chain(gateways) {
            if !address::is_assignable(pool, ip) || !public.insert(ip) {
                return Err(NetError::spec(
                    format!("public address {ip} of {owner}"),
                    format!("one of {pool} that is not reserved and that no other has"),
                ));
            }
        }
        validate_vpc(vpc)?;
        validate_routing(vpc)?;
    }
    Ok(())
}

/// Each VPC's IPv6 ranges are of the pool, but not of its first one, and no other's.
fn validate_v6(config: &NetConfig, desired: &NetworkSpec) -> Result<(), NetError> {
    let pool = config.ipv6_pool.trunc();
    if pool.prefix_len() > 48 {
        return Err(NetError::spec("IPv6 pool", "a /48 or larger"));
    }
    let mut taken: Vec<Ipv6Net> = vec![];
    let ranges =
        desired.vpcs.iter().flat_map(|vpc| vpc.ipv6_cidrs.iter().map(move |range| (&vpc.id, range.trunc())));
    for (vpc, range) in ranges {
        let is_own = taken.iter().all(|other| !other.contains(&range) && !range.contains(other));
        if !pool.contains(&range) || range.contains(&pool.network()) || !is_own {
            let rule = format!("a range of {pool}, not the first, that no other VPC has");
            return Err(NetError::spec(format!("{range} of {vpc}"), rule));
        }
        taken.push(range);
    }
    Ok(())
}

fn validate_routing(vpc: &VpcSpec) -> Result<(), NetError> {
    let mut ids = BTreeSet::new();
    if vpc.route_tables.len() > plan::MOST_TABLES {
        return Err(NetError::spec(vpc.id.as_str(), format!("at most {} route tables", plan::MOST_TABLES)));
    }
    for table in &vpc.route_tables {
        let mut places = BTreeSet::new();
        if !ids.insert(&table.id) || !table.routes.iter().all(|route| places.insert(route.to.trunc())) {
            return Err(NetError::spec(
                table.id.as_str(),
                "its id and its routes' destinations are there once",
            ));
        }
    }
    let mut links = BTreeSet::new();
    for gateway in &vpc.nat_gateways {
        if !vpc.subnets.iter().any(|subnet| subnet.id == gateway.subnet_id) {
            return Err(NetError::spec(gateway.id.as_str(), "its subnet is one of the VPC's"));
        }
        if !links.insert(names::nat_link(&gateway.id)) {
            return Err(NetError::spec(gateway.id.as_str(), "another's id begins with the same 12 digits"));
        }
    }
    Ok(())
}

fn validate_vpc(vpc: &VpcSpec) -> Result<(), NetError> {
    let (mut taps, mut private, mut macs) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut private_v6 = BTreeSet::new();
    let groups: BTreeSet<_> = vpc.groups.iter().map(|group| &group.id).collect();
    for subnet in &vpc.subnets {
        if !plan::ranges(vpc).any(|range| range.contains(&subnet.cidr)) {
            return Err(NetError::spec(subnet.id.as_str(), "lies within one of the VPC's ranges"));
        }
        let within = |block: &Ipv6Net| vpc.ipv6_cidrs.iter().any(|range| range.contains(block));
        if !subnet.ipv6_cidr.as_ref().is_none_or(within) {
            return Err(NetError::spec(subnet.id.as_str(), "its IPv6 block is of one of the VPC's"));
        }
        for entries in subnet.acl.iter().flat_map(|acl| [&acl.ingress, &acl.egress]) {
            let mut numbers = BTreeSet::new();
            if !entries.iter().all(|entry| numbers.insert(entry.number)) {
                return Err(NetError::spec(
                    subnet.id.as_str(),
                    "each entry of its ACL has a number of its own",
                ));
            }
        }
    }
    for interface in &vpc.interfaces {
        let complain = |rule: &str| Err(NetError::spec(interface.id.as_str(), rule));
        let Some(subnet) = vpc.subnets.iter().find(|subnet| subnet.id == interface.subnet_id) else {
            return complain("its subnet is one of the VPC's");
        };
        for (own, _) in interface.ipv4() {
            if !address::is_assignable(subnet.cidr, own) {
                return complain("its private addresses are its subnet's that are not reserved");
            }
            if !private.insert(own) {
                return complain("its private addresses are its own alone");
            }
        }
        for own in &interface.ipv6 {
            if !subnet.ipv6_cidr.is_some_and(|block| block.contains(own)) || !private_v6.insert(*own) {
                return complain("its IPv6 addresses are its subnet's and its own alone");
            }
        }
        if !macs.insert(interface.mac) {
            return complain("its MAC is its own alone");
        }
        if !taps.insert(names::tap(&interface.id)) {
            return complain("another interface's id begins with the same 11 digits");
        }
        if !interface.groups.iter().all(|group| groups.contains(group)) {
            return complain("its groups are among the VPC's");
        }
    }
    Ok(())
}
