//! A network interface: as its instance shows it, and as DescribeNetworkInterfaces does.

use cumulet_model::address::{private_dns_name, public_dns_name};
use cumulet_model::elastic::ElasticRef;
use cumulet_model::network::{InterfaceAttachment, InterfaceKind, NetworkInterface, PrivateAddress};
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
        ("addresses.association.owner-id", |e, f| many(e.addresses().filter_map(|a| owner(a, f)))),
        ("addresses.association.public-ip", |e, _| many(e.addresses().filter_map(|a| a.public_ip))),
        ("addresses.primary", |e, _| many(e.addresses().map(|a| a.primary))),
        ("addresses.private-ip-address", |e, _| many(e.addresses().map(|a| a.private_ip))),
        ("association.allocation-id", |e, _| many(elastics(e).map(|held| &held.allocation_id))),
        ("association.association-id", |e, _| many(elastics(e).map(|held| &held.association_id))),
        ("association.ip-owner-id", |e, f| many(e.addresses().filter_map(|a| owner(a, f)))),
        ("association.public-dns-name", |e, f| opt(e.public_ip.map(|ip| public_dns_name(f.region, ip)))),
        ("association.public-ip", |e, _| many(e.addresses().filter_map(|a| a.public_ip))),
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
        ("interface-type", |e, _| one(e.kind.as_str())),
        ("ipv6-addresses.ipv6-address", |e, _| many(&e.ipv6)),
        ("mac-address", |e, _| one(e.mac)),
        ("network-interface-id", |e, _| one(&e.id)),
        ("owner-id", |_, f| one(f.account)),
        ("private-dns-name", |e, f| one(private_dns_name(f.region, e.private_ip))),
        ("private-ip-address", |e, _| many(e.addresses().map(|a| a.private_ip))),
        ("requester-managed", |e, _| one(managed(e))),
        ("source-dest-check", |e, _| one(e.source_dest_check)),
        ("status", |e, _| one(e.status())),
        ("subnet-id", |e, _| one(&e.subnet_id)),
        ("tag", |e, _| many(e.tags.iter().map(|(key, value)| format!("{key}={value}")))),
        ("vpc-id", |e, _| one(&e.vpc_id)),
    ],
    absent: &["operator.managed", "operator.principal", "requester-id"],
    tags: Some(|e| &e.tags),
};

/// An interface within its instance.
pub fn of_instance(eni: &NetworkInterface, facts: &Facts<'_>) -> Xml {
    let start = Xml::new()
        .maybe_node("association", primary(eni).and_then(|address| ownership(address, facts)))
        .maybe_node("attachment", eni.attachment.as_ref().map(attachment))
        .text("description", &eni.description);
    group_set(start, &eni.groups)
        .list("ipv6AddressesSet", ipv6_addresses(eni))
        .text("macAddress", eni.mac)
        .text("networkInterfaceId", &eni.id)
        .text("ownerId", facts.account)
        .text("privateDnsName", private_dns_name(facts.region, eni.private_ip))
        .text("privateIpAddress", eni.private_ip)
        .list(
            "privateIpAddressesSet",
            eni.addresses().map(|address| private_address(address, facts, ownership)),
        )
        .text("sourceDestCheck", eni.source_dest_check)
        .text("status", eni.status())
        .text("subnetId", &eni.subnet_id)
        .text("vpcId", &eni.vpc_id)
        .text("interfaceType", eni.kind.as_str())
}

/// An interface by itself.
pub fn xml(eni: &NetworkInterface, facts: &Facts<'_>) -> Xml {
    let start = Xml::new()
        .maybe_node("association", primary(eni).and_then(|address| association(address, facts)))
        .maybe_node("attachment", attachment_of(eni, facts))
        .text("availabilityZone", &eni.zone)
        .text("description", &eni.description);
    group_set(start, &eni.groups)
        .text("interfaceType", eni.kind.as_str())
        .list("ipv6AddressesSet", ipv6_addresses(eni))
        .text("macAddress", eni.mac)
        .text("networkInterfaceId", &eni.id)
        .text("ownerId", facts.account)
        .text("privateDnsName", private_dns_name(facts.region, eni.private_ip))
        .text("privateIpAddress", eni.private_ip)
        .list(
            "privateIpAddressesSet",
            eni.addresses().map(|address| private_address(address, facts, association)),
        )
        .text("requesterManaged", managed(eni))
        .text("sourceDestCheck", eni.source_dest_check)
        .text("status", eni.status())
        .text("subnetId", &eni.subnet_id)
        .tags(&eni.tags)
        .text("vpcId", &eni.vpc_id)
        .maybe("availabilityZoneId", facts.zone_id(&eni.zone))
}

/// Whether it belongs to something that changes it by itself.
fn managed(eni: &NetworkInterface) -> bool {
    eni.kind != InterfaceKind::Interface
}

fn primary(eni: &NetworkInterface) -> Option<PrivateAddress<'_>> {
    eni.addresses().next()
}

fn elastics(eni: &NetworkInterface) -> impl Iterator<Item = &ElasticRef> {
    eni.addresses().filter_map(|address| address.elastic)
}

/// Whose the public address is: the account's if it is elastic, else the cloud's, as EC2 words it.
pub fn owner<'a>(address: PrivateAddress<'_>, facts: &Facts<'a>) -> Option<&'a str> {
    address.public_ip.map(|_| if address.elastic.is_some() { facts.account } else { "amazon" })
}

/// A public address as instances show it.
fn ownership(address: PrivateAddress<'_>, facts: &Facts<'_>) -> Option<Xml> {
    let ip = address.public_ip?;
    let owned = Xml::new().maybe("ipOwnerId", owner(address, facts));
    Some(owned.text("publicDnsName", public_dns_name(facts.region, ip)).text("publicIp", ip))
}

/// A public address as interfaces show it.
fn association(address: PrivateAddress<'_>, facts: &Facts<'_>) -> Option<Xml> {
    let ids = Xml::new()
        .maybe("allocationId", address.elastic.map(|elastic| &elastic.allocation_id))
        .maybe("associationId", address.elastic.map(|elastic| &elastic.association_id));
    Some(ids.and(ownership(address, facts)?))
}

/// How a public address is shown.
type Public = fn(PrivateAddress<'_>, &Facts<'_>) -> Option<Xml>;

fn private_address(address: PrivateAddress<'_>, facts: &Facts<'_>, public: Public) -> Xml {
    Xml::new()
        .maybe_node("association", public(address, facts))
        .text("primary", address.primary)
        .text("privateDnsName", private_dns_name(facts.region, address.private_ip))
        .text("privateIpAddress", address.private_ip)
}

fn ipv6_addresses(eni: &NetworkInterface) -> impl Iterator<Item = Xml> {
    let primary = |nth| nth == 0 && eni.primary_ipv6;
    let item =
        move |(nth, address)| Xml::new().text("ipv6Address", address).text("isPrimaryIpv6", primary(nth));
    eni.ipv6.iter().enumerate().map(item)
}

/// The attachment to an instance, or to what the interface stands for.
fn attachment_of(eni: &NetworkInterface, facts: &Facts<'_>) -> Option<Xml> {
    match (&eni.attachment, managed(eni)) {
        (Some(attached), _) => Some(full_attachment(attached, facts)),
        (None, false) => None,
        (None, true) => Some(
            Xml::new()
                .text("attachmentId", format!("ela-attach-{}", eni.id.digits()))
                .text("deleteOnTermination", false)
                .text("deviceIndex", 1)
                .text("networkCardIndex", 0)
                .text("instanceOwnerId", "amazon-aws")
                .text("status", "attached"),
        ),
    }
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
