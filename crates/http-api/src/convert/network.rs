//! VPCs, subnets and interfaces on the wire.

use cumulet_api_types::network as wire;
use cumulet_model::CloudError;
use cumulet_model::network::{GroupRef, NetworkInterface, Subnet, Vpc};
use ipnet::Ipv4Net;

pub(crate) fn vpc_to(vpc: Vpc) -> wire::Vpc {
    wire::Vpc {
        id: vpc.id.into(),
        cidr: vpc.cidr.to_string(),
        more_cidrs: vpc.more_cidrs.iter().map(|held| held.cidr.to_string()).collect(),
        ipv6_cidrs: vpc.ipv6_cidrs.iter().map(|held| held.cidr.to_string()).collect(),
        is_default: vpc.is_default,
        tags: vpc.tags,
    }
}

/// The block in a field.
pub(crate) fn ipv4_block(field: &str, text: &str) -> Result<Ipv4Net, CloudError> {
    text.parse().map_err(|_| {
        CloudError::invalid_value(format!("{field} must be a block of IPv4 addresses, as 10.0.0.0/16"))
    })
}

pub(crate) fn subnet_to(subnet: Subnet) -> wire::Subnet {
    wire::Subnet {
        id: subnet.id.into(),
        vpc_id: subnet.vpc_id.into(),
        cidr: subnet.cidr.to_string(),
        zone: subnet.zone,
        default_for_zone: subnet.default_for_zone,
        map_public_ip_on_launch: subnet.map_public_ip_on_launch,
        available_addresses: subnet.available_addresses,
        tags: subnet.tags,
    }
}

pub(crate) fn group_to(group: GroupRef) -> wire::GroupRef {
    wire::GroupRef { id: group.id.into(), name: group.name }
}

pub(crate) fn interface_to(interface: NetworkInterface) -> wire::NetworkInterface {
    let (status, delete_on_termination) =
        (interface.status().to_owned(), interface.attachment.as_ref().map(|at| at.delete_on_termination));
    let (instance_id, device_index) =
        interface.attachment.map(|at| (at.instance_id.into(), at.device_index)).unzip();
    wire::NetworkInterface {
        id: interface.id.into(),
        vpc_id: interface.vpc_id.into(),
        subnet_id: interface.subnet_id.into(),
        zone: interface.zone,
        description: interface.description,
        mac: interface.mac.to_string(),
        private_ip: interface.private_ip.to_string(),
        public_ip: interface.public_ip.map(|ip| ip.to_string()),
        groups: interface.groups.into_iter().map(group_to).collect(),
        instance_id,
        device_index,
        delete_on_termination,
        status,
        source_dest_check: interface.source_dest_check,
        tags: interface.tags,
    }
}
