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
    let private: Vec<_> = interface.addresses().map(|address| address.private_ip.to_string()).collect();
    let subnet = facts.subnets.iter().find(|subnet| subnet.id == interface.subnet_id);
    let join = |texts: Vec<&str>| texts.join("\n");
    let index = interface.attachment.as_ref().map_or(0, |attachment| attachment.device_index);
    let vpc_block = facts.vpc.cidr.to_string();
    let name = interface.public_ip.map(|address| public_dns_name(&facts.region, address));
    let public: Vec<_> = interface.addresses().filter_map(|address| address.public_ip).collect();
    let associations =
        interface.addresses().fold(Folder::default(), |folder, address| match address.public_ip {
            Some(public) => folder.put(public.to_string(), address.private_ip.to_string()),
            None => folder,
        });
    Folder::default()
        .put("device-number", index.to_string())
        .put("interface-id", interface.id.to_string())
        .put_if("ipv4-associations", (!public.is_empty()).then_some(associations))
        .put_if("ipv6s", lines(&interface.ipv6))
        .put("local-hostname", private_dns_name(&facts.region, interface.private_ip))
        .put("local-ipv4s", private.join("\n"))
        .put("mac", interface.mac.to_string())
        .put("owner-id", facts.account_id.as_str())
        .put_if("public-hostname", name)
        .put_if("public-ipv4s", lines(&public))
        .put("security-group-ids", join(interface.groups.iter().map(|group| group.id.as_str()).collect()))
        .put("security-groups", join(interface.groups.iter().map(|group| group.name.as_str()).collect()))
        .put("subnet-id", interface.subnet_id.to_string())
        .put_if("subnet-ipv4-cidr-block", subnet.map(|subnet| subnet.cidr.to_string()))
        .put("vpc-id", interface.vpc_id.to_string())
        .put("vpc-ipv4-cidr-block", vpc_block.as_str())
        .put("vpc-ipv4-cidr-blocks", vpc_block.as_str())
}

/// A line for each, if there is any.
fn lines(items: &[impl ToString]) -> Option<String> {
    let lines: Vec<_> = items.iter().map(ToString::to_string).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}
