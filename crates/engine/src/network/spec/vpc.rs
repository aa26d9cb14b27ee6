//! A VPC and its subnets.

use cumulet_model::network::{Subnet, Vpc};
use cumulet_ports::network::{SubnetSpec, VpcSpec};

/// A VPC without its subnets, groups and interfaces.
pub fn spec(vpc: &Vpc) -> VpcSpec {
    VpcSpec::open(vpc.id.clone(), vpc.cidr)
}

/// A subnet.
pub fn subnet(subnet: &Subnet) -> SubnetSpec {
    SubnetSpec::new(subnet.id.clone(), subnet.cidr)
}
