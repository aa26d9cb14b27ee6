//! A subnet's network ACL.

use cumulet_model::SubnetId;
use cumulet_model::acl::{NetworkAcl, NumberedEntry};
use cumulet_model::security::Direction;
use cumulet_ports::network::{AclEntry, AclSpec};

/// The ACL that guards a subnet; none where it lets everything pass.
pub fn spec(acls: &[NetworkAcl], subnet: &SubnetId, ipv6: bool) -> Option<AclSpec> {
    let guards =
        |acl: &&NetworkAcl| acl.associations.iter().any(|association| association.subnet_id == *subnet);
    let acl = acls.iter().find(guards).filter(|acl| !acl.allows_all(ipv6))?;
    let entries = |direction| acl.entries_of(direction).map(entry).collect();
    Some(AclSpec { ingress: entries(Direction::Ingress), egress: entries(Direction::Egress) })
}

fn entry(entry: &NumberedEntry) -> AclEntry {
    AclEntry { number: entry.number, allow: entry.allow, traffic: entry.traffic, cidr: entry.cidr }
}
