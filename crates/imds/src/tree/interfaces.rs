//! `meta-data/network/interfaces/macs/`.

use cumulet_model::address::{private_dns_name, public_dns_name};
use cumulet_model::network::NetworkInterface;

use super::Folder;
use crate::source::InstanceMetadata;

/// A folder per interface, by its hardware address.
pub(super) fn of(facts: &InstanceMetadata) -> Folder<'_> {
    let interfaces = facts.instance.interfaces.iter();
    interfaces.fold(Folder::default(), |folder, interface| {
        folder.put(interface.mac.to_string(), one(facts, interface))
    })
}

fn one<'a>(facts: &'a InstanceMetadata, interface: &NetworkInterface) -> Folder<'a> {
    let private = interface.private_ip.to_string();
    let subnet = facts.subnets.iter().find(|subnet| subnet.id == interface.subnet_id);
    let join = |texts: Vec<&str>| texts.join("\n");
    let index = interface.attachment.as_ref().map_or(0, |attachment| attachment.device_index);
    let vpc_block = facts.vpc.cidr.to_string();
    let public = interface.public_ip;
    let association = public.map(|address| Folder::default().put(address.to_string(), private.as_str()));
    Folder::default()
        .put("device-number", index.to_string())
        .put("interface-id", interface.id.to_string())
        .put_if("ipv4-associations", association)
        .put("local-hostname", private_dns_name(&facts.region, interface.private_ip))
        .put("local-ipv4s", private.as_str())
        .put("mac", interface.mac.to_string())
        .put("owner-id", facts.account_id.as_str())
        .put_if("public-hostname", public.map(|address| public_dns_name(&facts.region, address)))
        .put_if("public-ipv4s", public.map(|address| address.to_string()))
        .put("security-group-ids", join(interface.groups.iter().map(|group| group.id.as_str()).collect()))
        .put("security-groups", join(interface.groups.iter().map(|group| group.name.as_str()).collect()))
        .put("subnet-id", interface.subnet_id.to_string())
        .put_if("subnet-ipv4-cidr-block", subnet.map(|subnet| subnet.cidr.to_string()))
        .put("vpc-id", interface.vpc_id.to_string())
        .put("vpc-ipv4-cidr-block", vpc_block.as_str())
        .put("vpc-ipv4-cidr-blocks", vpc_block.as_str())
}
