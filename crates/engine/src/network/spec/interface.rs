//! A network interface.

use cumulet_model::address::private_host_name;
use cumulet_model::network::PrivateAddress;
use cumulet_ports::network::{InterfaceSpec, SecondaryAddress};
use cumulet_store::InterfaceRecord;

/// An interface that is attached, with the queues of its tap.
pub fn spec(record: &InterfaceRecord, queues: u32) -> Option<InterfaceSpec> {
    let interface = &record.interface;
    let attachment = interface.attachment.as_ref()?;
    Some(InterfaceSpec {
        id: interface.id.clone(),
        instance_id: attachment.instance_id.clone(),
        subnet_id: interface.subnet_id.clone(),
        mac: interface.mac,
        private_ip: interface.private_ip,
        public_ip: interface.public_ip,
        secondary: interface.addresses().filter(|address| !address.primary).map(secondary).collect(),
        ipv6: interface.ipv6.clone(),
        groups: interface.groups.iter().map(|group| group.id.clone()).collect(),
        source_dest_check: interface.source_dest_check,
        host_name: private_host_name(interface.private_ip),
        queues,
    })
}

fn secondary(address: PrivateAddress<'_>) -> SecondaryAddress {
    SecondaryAddress { private_ip: address.private_ip, public_ip: address.public_ip }
}
