//! Rules that a desired state must keep before any of it is applied.

use std::collections::BTreeSet;

use cumulet_model::address;
use cumulet_ports::network::{NetworkSpec, VpcSpec};

use crate::config::NetConfig;
use crate::error::NetError;
use crate::names;

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
        for (interface, ip) in vpc.interfaces.iter().filter_map(|i| Some((&i.id, i.public_ip?))) {
            if !address::is_assignable(pool, ip) || !public.insert(ip) {
                return Err(NetError::spec(
                    format!("public address {ip} of {interface}"),
                    format!("one of {pool} that is not reserved and that no other has"),
                ));
            }
        }
        validate_vpc(vpc)?;
    }
    Ok(())
}

fn validate_vpc(vpc: &VpcSpec) -> Result<(), NetError> {
    let (mut taps, mut private, mut macs) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let groups: BTreeSet<_> = vpc.groups.iter().map(|group| &group.id).collect();
    for subnet in &vpc.subnets {
        if !vpc.cidr.contains(&subnet.cidr) {
            return Err(NetError::spec(subnet.id.as_str(), format!("lies within the VPC's {}", vpc.cidr)));
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
        if !address::is_assignable(subnet.cidr, interface.private_ip) {
            return complain("its private address is one of its subnet's that is not reserved");
        }
        if !private.insert(interface.private_ip) || !macs.insert(interface.mac) {
            return complain("its private address and MAC are its own alone");
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
