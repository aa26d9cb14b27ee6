//! Rules that a desired state must keep before any of it is applied.

use std::collections::BTreeSet;

use cumulet_model::address;
use cumulet_ports::network::{NetworkSpec, VpcSpec};

use crate::config::NetConfig;
use crate::error::NetError;
use crate::{names, plan};

/// Checks that names and addresses don't collide and that what is referred to is there.
pub fn validate(config: &NetConfig, desired: &NetworkSpec) -> Result<(), NetError> {
    let pool = config.public_pool;
    if !(16..=29).contains(&pool.prefix_len()) {
        return Err(NetError::spec("public pool", "a /16 to /29"));
    }
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
    let groups: BTreeSet<_> = vpc.groups.iter().map(|group| &group.id).collect();
    for subnet in &vpc.subnets {
        if !plan::ranges(vpc).any(|range| range.contains(&subnet.cidr)) {
            return Err(NetError::spec(subnet.id.as_str(), "lies within one of the VPC's ranges"));
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
