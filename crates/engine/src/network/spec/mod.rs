//! The desired network, made purely of rows.

mod acl;
mod flow_log;
mod group;
mod guard;
mod interface;
mod prefix_list;
mod vpc;

use std::collections::HashMap;

use cumulet_model::dhcp::DhcpOptionsSet;
use cumulet_model::flow_log::FlowLog;
use cumulet_model::gateway::{EgressOnlyGateway, InternetGateway};
use cumulet_model::nat::NatGateway;
use cumulet_model::network::Vpc;
use cumulet_model::place::Region;
use cumulet_model::route::RouteTable;
use cumulet_model::security::SecurityGroup;
use cumulet_ports::network::{NetworkSpec, VpcSpec};
use cumulet_store::{InterfaceRecord, SubnetRecord};

pub use guard::guard;

use crate::vpc::targets::Targets;

/// All rows that the network is made of.
pub struct Rows {
    /// VPCs.
    pub vpcs: Vec<Vpc>,
    /// Subnets.
    pub subnets: Vec<SubnetRecord>,
    /// Security groups.
    pub groups: Vec<SecurityGroup>,
    /// Those interfaces that are to be wired, with the queues of each.
    pub interfaces: Vec<(InterfaceRecord, u32)>,
    /// Route tables.
    pub route_tables: Vec<RouteTable>,
    /// Internet gateways.
    pub internet_gateways: Vec<InternetGateway>,
    /// Egress-only internet gateways.
    pub egress_only_gateways: Vec<EgressOnlyGateway>,
    /// NAT gateways, ended ones as well.
    pub nat_gateways: Vec<NatGateway>,
    /// DHCP options sets.
    pub dhcp_options: Vec<DhcpOptionsSet>,
    /// Flow logs.
    pub flow_logs: Vec<FlowLog>,
    /// The region with its zones.
    pub region: Region,
    /// The account's number.
    pub account: String,
}

/// The desired network: all VPCs, with those interfaces that are to be wired.
pub fn network(rows: &Rows) -> NetworkSpec {
    let at_work = rows.interfaces.iter().filter_map(|(record, _)| {
        let interface = &record.interface;
        let instance = interface.attachment.as_ref()?.instance_id.clone();
        Some((interface.id.clone(), (interface.vpc_id.clone(), instance)))
    });
    let at_work: HashMap<_, _> = at_work.collect();
    let targets = Targets {
        internet: &rows.internet_gateways,
        egress_only: &rows.egress_only_gateways,
        nat: &rows.nat_gateways,
        at_work: &at_work,
    };
    let vpcs = rows.vpcs.iter().map(|vpc| VpcSpec {
        subnets: vpc::subnets(vpc, rows),
        groups: rows.groups.iter().filter(|group| group.vpc_id == vpc.id).map(group::spec).collect(),
        interfaces: rows
            .interfaces
            .iter()
            .filter(|(record, _)| record.interface.vpc_id == vpc.id)
            .filter_map(|(record, queues)| interface::spec(record, *queues))
            .collect(),
        flow_logs: rows
            .flow_logs
            .iter()
            .filter(|log| log.vpc_id == vpc.id)
            .map(|log| flow_log::spec(log, rows))
            .collect(),
        ..vpc::spec(vpc, rows, &targets)
    });
    NetworkSpec { vpcs: vpcs.collect() }
}
