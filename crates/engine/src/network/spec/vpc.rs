//! A VPC: its ranges, gateways, route tables, DNS and DHCP; and its subnets.

use cumulet_model::dhcp::DhcpOptionsSet;
use cumulet_model::nat::NatGateway;
use cumulet_model::network::Vpc;
use cumulet_model::route::{Destination, Route, RouteTable};
use cumulet_ports::network::{
    DhcpSpec, DnsSpec, NatGatewaySpec, RouteSpec, RouteTableSpec, SubnetSpec, VpcSpec,
};

use super::Rows;
use crate::vpc::targets::Targets;

/// How many connections a NAT gateway has to one destination at a time (VPC guide, "NAT gateway basics").
const MAX_NAT_CONNECTIONS: u32 = 55_000;

/// A VPC without its subnets, groups and interfaces.
pub fn spec(vpc: &Vpc, rows: &Rows, targets: &Targets<'_>) -> VpcSpec {
    VpcSpec {
        more_cidrs: vpc.more_cidrs.iter().map(|held| held.cidr).collect(),
        ipv6_cidrs: vpc.ipv6_cidrs.iter().map(|held| held.cidr).collect(),
        internet_gateway: rows.internet_gateways.iter().any(|g| g.vpc_id.as_ref() == Some(&vpc.id)),
        egress_only_gateway: rows.egress_only_gateways.iter().any(|gateway| gateway.vpc_id == vpc.id),
        route_tables: tables(vpc, rows).map(|table| table_spec(table, targets)).collect(),
        nat_gateways: rows.nat_gateways.iter().filter(|g| g.vpc_id == vpc.id).filter_map(nat_spec).collect(),
        dns: DnsSpec { support: vpc.dns_support, hostnames: vpc.dns_hostnames },
        dhcp: dhcp(vpc, &rows.dhcp_options),
        ..VpcSpec::open(vpc.id.clone(), vpc.cidr)
    }
}

/// A VPC's subnets.
pub fn subnets(vpc: &Vpc, rows: &Rows) -> Vec<SubnetSpec> {
    let own = rows.subnets.iter().map(|record| &record.subnet).filter(|subnet| subnet.vpc_id == vpc.id);
    let table_of = |subnet| {
        let uses = |table: &&RouteTable| table.subnets.iter().any(|held| held.subnet_id == subnet);
        tables(vpc, rows).find(uses).map(|table| table.id.clone())
    };
    own.map(|subnet| SubnetSpec {
        ipv6_cidr: subnet.ipv6.as_ref().map(|held| held.cidr),
        route_table: table_of(subnet.id.clone()),
        ..SubnetSpec::new(subnet.id.clone(), subnet.cidr)
    })
    .collect()
}

/// A VPC's route tables, the main one first.
fn tables<'a>(vpc: &'a Vpc, rows: &'a Rows) -> impl Iterator<Item = &'a RouteTable> {
    let own = rows.route_tables.iter().filter(|table| table.vpc_id == vpc.id);
    let (main, others): (Vec<_>, Vec<_>) = own.partition(|table| table.main.is_some());
    main.into_iter().chain(others)
}

fn table_spec(table: &RouteTable, targets: &Targets<'_>) -> RouteTableSpec {
    let spec = |route: &Route| match &route.destination {
        Destination::Cidr(to) => {
            Some(RouteSpec { to: *to, target: targets.on_host(&table.vpc_id, &route.target) })
        }
        // No route for a prefix list is made.
        Destination::PrefixList(_) => None,
    };
    RouteTableSpec { id: table.id.clone(), routes: table.routes.iter().filter_map(spec).collect() }
}

/// A NAT gateway that the host has or is to have.
fn nat_spec(gateway: &NatGateway) -> Option<NatGatewaySpec> {
    let address = gateway.address.as_ref().filter(|_| gateway.state.is_wired())?;
    Some(NatGatewaySpec {
        id: gateway.id.clone(),
        interface_id: address.interface_id.clone(),
        subnet_id: gateway.subnet_id.clone(),
        private_ip: address.private_ip,
        public_ip: address.public_ip,
        max_connections: MAX_NAT_CONNECTIONS,
    })
}

/// What a VPC's DHCP tells; without a set it names no server.
fn dhcp(vpc: &Vpc, sets: &[DhcpOptionsSet]) -> DhcpSpec {
    let set = vpc.dhcp_options_id.as_ref().and_then(|id| sets.iter().find(|set| set.id == *id));
    let Some(set) = set else { return DhcpSpec { domain_name_servers: vec![], ..DhcpSpec::default() } };
    if set.is_default {
        return DhcpSpec::default();
    }
    let options = &set.options;
    DhcpSpec {
        domain_name: options.domain_name.clone(),
        domain_name_servers: options.domain_name_servers.clone(),
        ntp_servers: options.ntp_servers.clone(),
        netbios_name_servers: options.netbios_name_servers.clone(),
        netbios_node_type: options.netbios_node_type,
        ipv6_preferred_seconds: options.ipv6_preferred_seconds,
    }
}
