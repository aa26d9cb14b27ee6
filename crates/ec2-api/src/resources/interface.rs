//! A network interface: as its instance shows it, and as DescribeNetworkInterfaces does.

use cumulet_model::address::{private_dns_name, public_dns_name};
use cumulet_model::network::{InterfaceAttachment, NetworkInterface};
use cumulet_model::{ErrorCode, InterfaceId};

use super::group_set;
use crate::call::Facts;
use crate::describe::{Ids, Kind, id_form};
use crate::filter::{FilterTable, many, one, opt};
use crate::paging::USUAL;
use crate::xml::{Xml, time_text};

/// How interfaces are described.
pub const KIND: Kind<NetworkInterface> = Kind {
    ids: Some(Ids {
        parameter: "NetworkInterfaceId",
        of: |eni| eni.id.to_string(),
        check: id_form::<InterfaceId>,
        not_found: ErrorCode::InvalidInterfaceNotFound,
        noun: "networkInterface ID",
    }),
    filters: &FILTERS,
    page: Some((USUAL, |eni| eni.id.to_string())),
};

const FILTERS: FilterTable<NetworkInterface> = FilterTable {
    names: &[
        ("addresses.association.owner-id", |e, f| opt(e.public_ip.map(|_| f.account))),
        ("addresses.association.public-ip", |e, _| opt(e.public_ip)),
        ("addresses.primary", |_, _| one(true)),
        ("addresses.private-ip-address", |e, _| one(e.private_ip)),
        ("association.ip-owner-id", |e, f| opt(e.public_ip.map(|_| f.account))),
        ("association.public-dns-name", |e, f| opt(e.public_ip.map(|ip| public_dns_name(f.region, ip)))),
        ("association.public-ip", |e, _| opt(e.public_ip)),
        ("attachment.attach-time", |e, _| opt(e.attachment.as_ref().map(|a| time_text(a.attached)))),
        ("attachment.attachment-id", |e, _| opt(e.attachment.as_ref().map(|a| &a.id))),
        ("attachment.delete-on-termination", |e, _| {
            opt(e.attachment.as_ref().map(|a| a.delete_on_termination))
        }),
        ("attachment.device-index", |e, _| opt(e.attachment.as_ref().map(|a| a.device_index))),
        ("attachment.instance-id", |e, _| opt(e.attachment.as_ref().map(|a| &a.instance_id))),
        ("attachment.instance-owner-id", |e, f| opt(e.attachment.as_ref().map(|_| f.account))),
        ("attachment.status", |e, _| opt(e.attachment.as_ref().map(|a| a.state.as_str()))),
        ("availability-zone", |e, _| one(&e.zone)),
        ("availability-zone-id", |e, f| opt(f.zone_id(&e.zone))),
        ("description", |e, _| one(&e.description)),
        ("group-id", |e, _| many(e.groups.iter().map(|g| &g.id))),
        ("group-name", |e, _| many(e.groups.iter().map(|g| &g.name))),
        ("interface-type", |_, _| one("interface")),
        ("mac-address", |e, _| one(e.mac)),
        ("network-interface-id", |e, _| one(&e.id)),
        ("owner-id", |_, f| one(f.account)),
        ("private-dns-name", |e, f| one(private_dns_name(f.region, e.private_ip))),
        ("private-ip-address", |e, _| one(e.private_ip)),
        ("requester-managed", |_, _| one(false)),
        ("source-dest-check", |e, _| one(e.source_dest_check)),
        ("status", |e, _| one(e.status())),
        ("subnet-id", |e, _| one(&e.subnet_id)),
        ("tag", |e, _| many(e.tags.iter().map(|(key, value)| format!("{key}={value}")))),
        ("vpc-id", |e, _| one(&e.vpc_id)),
    ],
    absent: &[
        "association.allocation-id",
        "association.association-id",
        "ipv6-addresses.ipv6-address",
        "operator.managed",
        "operator.principal",
        "requester-id",
    ],
    tags: Some(|e| &e.tags),
};

/// An interface within its instance.
pub fn of_instance(eni: &NetworkInterface, facts: &Facts<'_>) -> Xml {
    let start = Xml::new()
        .maybe_node("association", association(eni, facts))
        .maybe_node("attachment", eni.attachment.as_ref().map(attachment))
        .text("description", &eni.description);
    group_set(start, &eni.groups)
        .list("ipv6AddressesSet", [])
        .text("macAddress", eni.mac)
        .text("networkInterfaceId", &eni.id)
        .text("ownerId", facts.account)
        .text("privateDnsName", private_dns_name(facts.region, eni.private_ip))
        .text("privateIpAddress", eni.private_ip)
        .list("privateIpAddressesSet", [private_address(eni, facts)])
        .text("sourceDestCheck", eni.source_dest_check)
        .text("status", eni.status())
        .text("subnetId", &eni.subnet_id)
        .text("vpcId", &eni.vpc_id)
        .text("interfaceType", "interface")
}

/// An interface by itself.
pub fn xml(eni: &NetworkInterface, facts: &Facts<'_>) -> Xml {
    let start = Xml::new()
        .maybe_node("association", association(eni, facts))
        .maybe_node("attachment", eni.attachment.as_ref().map(|a| full_attachment(a, facts)))
        .text("availabilityZone", &eni.zone)
        .text("description", &eni.description);
    group_set(start, &eni.groups)
        .text("interfaceType", "interface")
        .list("ipv6AddressesSet", [])
        .text("macAddress", eni.mac)
        .text("networkInterfaceId", &eni.id)
        .text("ownerId", facts.account)
        .text("privateDnsName", private_dns_name(facts.region, eni.private_ip))
        .text("privateIpAddress", eni.private_ip)
        .list("privateIpAddressesSet", [private_address(eni, facts)])
        .text("requesterManaged", false)
        .text("sourceDestCheck", eni.source_dest_check)
        .text("status", eni.status())
        .text("subnetId", &eni.subnet_id)
        .tags(&eni.tags)
        .text("vpcId", &eni.vpc_id)
        .maybe("availabilityZoneId", facts.zone_id(&eni.zone))
}

fn association(eni: &NetworkInterface, facts: &Facts<'_>) -> Option<Xml> {
    let ip = eni.public_ip?;
    let owner = Xml::new().text("ipOwnerId", facts.account);
    Some(owner.text("publicDnsName", public_dns_name(facts.region, ip)).text("publicIp", ip))
}

fn private_address(eni: &NetworkInterface, facts: &Facts<'_>) -> Xml {
    Xml::new()
        .maybe_node("association", association(eni, facts))
        .text("primary", true)
        .text("privateDnsName", private_dns_name(facts.region, eni.private_ip))
        .text("privateIpAddress", eni.private_ip)
}

fn attachment(attached: &InterfaceAttachment) -> Xml {
    start_of_attachment(attached).text("status", attached.state.as_str()).text("networkCardIndex", 0)
}

/// An attachment with its instance.
pub fn full_attachment(attached: &InterfaceAttachment, facts: &Facts<'_>) -> Xml {
    start_of_attachment(attached)
        .text("networkCardIndex", 0)
        .text("instanceId", &attached.instance_id)
        .text("instanceOwnerId", facts.account)
        .text("status", attached.state.as_str())
}

fn start_of_attachment(attached: &InterfaceAttachment) -> Xml {
    Xml::new()
        .time("attachTime", attached.attached)
        .text("attachmentId", &attached.id)
        .text("deleteOnTermination", attached.delete_on_termination)
        .text("deviceIndex", attached.device_index)
}
