//! The desired network, made purely of rows.

mod group;
mod interface;
mod vpc;

use cumulet_model::network::Vpc;
use cumulet_model::security::SecurityGroup;
use cumulet_ports::network::{NetworkSpec, VpcSpec};
use cumulet_store::{InterfaceRecord, SubnetRecord};

/// The desired network: all VPCs, with those interfaces that are to be wired and the queues of each.
pub fn network(
    vpcs: &[Vpc],
    subnets: &[SubnetRecord],
    groups: &[SecurityGroup],
    interfaces: &[(InterfaceRecord, u32)],
) -> NetworkSpec {
    let vpcs = vpcs.iter().map(|vpc| VpcSpec {
        subnets: subnets
            .iter()
            .filter(|record| record.subnet.vpc_id == vpc.id)
            .map(|record| vpc::subnet(&record.subnet))
            .collect(),
        groups: groups.iter().filter(|group| group.vpc_id == vpc.id).map(group::spec).collect(),
        interfaces: interfaces
            .iter()
            .filter(|(record, _)| record.interface.vpc_id == vpc.id)
            .filter_map(|(record, queues)| interface::spec(record, *queues))
            .collect(),
        ..vpc::spec(vpc)
    });
    NetworkSpec { vpcs: vpcs.collect() }
}
