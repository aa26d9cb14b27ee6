//! What guards a network beside its groups: the subnets' network ACLs, and the prefix lists that rules name.

use cumulet_model::acl::NetworkAcl;
use cumulet_model::prefix_list::PrefixList;
use cumulet_ports::network::NetworkSpec;

use super::{acl, prefix_list};

/// Puts ACLs and prefix lists into a network whose subnets and groups are there.
pub fn guard(spec: &mut NetworkSpec, acls: &[NetworkAcl], lists: &[PrefixList]) {
    for vpc in &mut spec.vpcs {
        for subnet in &mut vpc.subnets {
            subnet.acl = acl::spec(acls, &subnet.id, subnet.ipv6_cidr.is_some());
        }
        vpc.prefix_lists = prefix_list::of_groups(lists, &vpc.groups);
    }
}
