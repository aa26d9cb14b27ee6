//! The filters of DescribeInstances.

use cumulet_model::address::{private_dns_name, public_dns_name};
use cumulet_model::elastic::ElasticRef;
use cumulet_model::instance::Instance;
use cumulet_model::network::{InterfaceAttachment, NetworkInterface, PrivateAddress};

use super::instance::tokens_word;
use super::{ARCHITECTURE, interface};
use crate::call::Facts;
use crate::filter::{FilterTable, many, one, opt};
use crate::xml::time_text;

/// Filters of instances (EC2 API reference, DescribeInstances).
pub const FILTERS: FilterTable<Instance> = FilterTable {
    names: &[
        ("architecture", |_, _| one(ARCHITECTURE)),
        ("availability-zone", |i, _| one(&i.zone)),
        ("availability-zone-id", |i, facts| opt(facts.zone_id(&i.zone))),
        ("block-device-mapping.attach-time", |i, _| {
            many(i.block_devices.iter().map(|d| time_text(d.attached)))
        }),
        ("block-device-mapping.delete-on-termination", |i, _| {
            many(i.block_devices.iter().map(|d| d.delete_on_termination))
        }),
        ("block-device-mapping.device-name", |i, _| many(i.block_devices.iter().map(|d| &d.device_name))),
        ("block-device-mapping.status", |i, _| many(i.block_devices.iter().map(|d| d.state.as_str()))),
        ("block-device-mapping.volume-id", |i, _| many(i.block_devices.iter().map(|d| &d.volume_id))),
        ("boot-mode", |_, _| one("legacy-bios")),
        ("client-token", |i, _| opt(i.client_token.as_ref())),
        ("current-instance-boot-mode", |_, _| one("legacy-bios")),
        ("dns-name", |i, facts| opt(public_ip(i).map(|ip| public_dns_name(facts.region, ip)))),
        ("ebs-optimized", |_, _| one(false)),
        ("ena-support", |_, _| one(false)),
        ("enclave-options.enabled", |_, _| one(false)),
        ("hibernation-options.configured", |i, _| one(i.hibernation)),
        ("hypervisor", |_, _| one("xen")),
        ("image-id", |i, _| one(&i.image_id)),
        ("instance-id", |i, _| one(&i.id)),
        ("instance-state-code", |i, _| one(i.state.code())),
        ("instance-state-name", |i, _| one(i.state)),
        ("instance-type", |i, _| one(&i.instance_type)),
        ("instance.group-id", |i, _| many(i.groups.iter().map(|g| &g.id))),
        ("instance.group-name", |i, _| many(i.groups.iter().map(|g| &g.name))),
        ("ip-address", |i, _| opt(public_ip(i))),
        ("kernel-id", |i, _| opt(i.kernel_id.as_ref())),
        ("key-name", |i, _| opt(i.key_name.as_ref())),
        ("launch-index", |i, _| one(i.launch_index)),
        ("launch-time", |i, _| one(time_text(i.launch_time))),
        ("maintenance-options.auto-recovery", |_, _| one("default")),
        ("metadata-options.http-endpoint", |i, _| one(able(i.metadata_options.endpoint_enabled))),
        ("metadata-options.http-protocol-ipv4", |_, _| one("enabled")),
        ("metadata-options.http-protocol-ipv6", |i, _| one(able(i.metadata_options.ipv6_enabled))),
        ("metadata-options.http-put-response-hop-limit", |i, _| one(i.metadata_options.hop_limit)),
        ("metadata-options.http-tokens", |i, _| one(tokens_word(&i.metadata_options))),
        ("metadata-options.instance-metadata-tags", |i, _| one(able(i.metadata_options.tags_enabled))),
        ("metadata-options.state", |_, _| one("applied")),
        ("monitoring-state", |i, _| one(able(i.monitoring))),
        ("ipv6-address", |i, _| many(i.interfaces.iter().flat_map(|e| &e.ipv6))),
        ("network-interface.addresses.association.allocation-id", |i, _| {
            elastics(i, |e| e.allocation_id.to_string())
        }),
        ("network-interface.addresses.association.association-id", |i, _| {
            elastics(i, |e| e.association_id.to_string())
        }),
        ("network-interface.addresses.association.ip-owner-id", owners),
        ("network-interface.addresses.association.public-dns-name", public_names),
        ("network-interface.addresses.association.public-ip", |i, _| {
            many(addresses(i).filter_map(|a| a.public_ip))
        }),
        ("network-interface.addresses.private-dns-name", private_names),
        ("network-interface.addresses.primary", |i, _| many(addresses(i).map(|a| a.primary))),
        ("network-interface.addresses.private-ip-address", |i, _| many(addresses(i).map(|a| a.private_ip))),
        ("network-interface.association.allocation-id", |i, _| elastics(i, |e| e.allocation_id.to_string())),
        ("network-interface.association.association-id", |i, _| {
            elastics(i, |e| e.association_id.to_string())
        }),
        ("network-interface.association.ip-owner-id", owners),
        ("network-interface.association.public-dns-name", public_names),
        ("network-interface.association.public-ip", |i, _| many(addresses(i).filter_map(|a| a.public_ip))),
        ("network-interface.attachment.attach-time", |i, _| attached(i, |a| time_text(a.attached))),
        ("network-interface.attachment.attachment-id", |i, _| attached(i, |a| a.id.to_string())),
        ("network-interface.attachment.delete-on-termination", |i, _| {
            attached(i, |a| a.delete_on_termination.to_string())
        }),
        ("network-interface.attachment.device-index", |i, _| attached(i, |a| a.device_index.to_string())),
        ("network-interface.attachment.instance-id", |i, _| attached(i, |a| a.instance_id.to_string())),
        ("network-interface.attachment.instance-owner-id", |i, f| {
            many(i.interfaces.iter().map(|_| f.account))
        }),
        ("network-interface.attachment.network-card-index", |i, _| attached(i, |_| "0".into())),
        ("network-interface.attachment.status", |i, _| attached(i, |a| a.state.as_str().into())),
        ("network-interface.availability-zone", |i, _| enis(i, |e| Some(e.zone.clone()))),
        ("network-interface.description", |i, _| enis(i, |e| Some(e.description.clone()))),
        ("network-interface.group-id", |i, _| {
            many(i.interfaces.iter().flat_map(|e| &e.groups).map(|g| &g.id))
        }),
        ("network-interface.group-name", |i, _| {
            many(i.interfaces.iter().flat_map(|e| &e.groups).map(|g| &g.name))
        }),
        ("network-interface.ipv6-address", |i, _| many(i.interfaces.iter().flat_map(|e| &e.ipv6))),
        ("network-interface.ipv6-addresses.ipv6-address", |i, _| {
            many(i.interfaces.iter().flat_map(|e| &e.ipv6))
        }),
        ("network-interface.ipv6-addresses.is-primary-ipv6", |i, _| {
            enis(i, |e| e.ipv6.first().map(|_| e.primary_ipv6))
        }),
        ("network-interface.mac-address", |i, _| enis(i, |e| Some(e.mac))),
        ("network-interface.network-interface-id", |i, _| enis(i, |e| Some(e.id.clone()))),
        ("network-interface.owner-id", |i, f| many(i.interfaces.iter().map(|_| f.account))),
        ("network-interface.private-dns-name", private_names),
        ("network-interface.private-ip-address", |i, _| many(addresses(i).map(|a| a.private_ip))),
        ("network-interface.requester-managed", |i, _| enis(i, |_| Some(false))),
        ("network-interface.source-dest-check", |i, _| enis(i, |e| Some(e.source_dest_check))),
        ("network-interface.status", |i, _| enis(i, |e| Some(e.status()))),
        ("network-interface.subnet-id", |i, _| enis(i, |e| Some(e.subnet_id.clone()))),
        ("network-interface.tag-key", |i, _| many(i.interfaces.iter().flat_map(|e| e.tags.keys()))),
        ("network-interface.tag-value", |i, _| many(i.interfaces.iter().flat_map(|e| e.tags.values()))),
        ("network-interface.vpc-id", |i, _| enis(i, |e| Some(e.vpc_id.clone()))),
        ("owner-id", |_, facts| one(facts.account)),
        ("platform-details", |_, _| one("Linux/UNIX")),
        ("private-dns-name", |i, facts| {
            opt(i.primary_interface().map(|e| private_dns_name(facts.region, e.private_ip)))
        }),
        ("private-dns-name-options.enable-resource-name-dns-a-record", |_, _| one(false)),
        ("private-dns-name-options.enable-resource-name-dns-aaaa-record", |_, _| one(false)),
        ("private-dns-name-options.hostname-type", |_, _| one("ip-name")),
        ("private-ip-address", |i, _| opt(i.primary_interface().map(|e| e.private_ip))),
        ("ramdisk-id", |i, _| opt(i.ramdisk_id.as_ref())),
        ("reason", |i, _| one(&i.state_transition_reason)),
        ("reservation-id", |i, _| one(&i.reservation_id)),
        ("root-device-name", |i, _| one(&i.root_device_name)),
        ("root-device-type", |_, _| one("ebs")),
        ("source-dest-check", |i, _| opt(i.primary_interface().map(|e| e.source_dest_check))),
        ("state-reason-code", |i, _| opt(i.state_reason.as_ref().map(|r| &r.code))),
        ("state-reason-message", |i, _| opt(i.state_reason.as_ref().map(|r| &r.message))),
        ("subnet-id", |i, _| one(&i.subnet_id)),
        ("tenancy", |_, _| one("default")),
        ("usage-operation", |_, _| one("RunInstances")),
        ("virtualization-type", |_, _| one("hvm")),
        ("vpc-id", |i, _| one(&i.vpc_id)),
        // The names of EC2's first years, which clients still send.
        ("group-id", |i, _| many(i.groups.iter().map(|g| &g.id))),
        ("group-name", |i, _| many(i.groups.iter().map(|g| &g.name))),
    ],
    absent: &[
        "affinity",
        "capacity-reservation-id",
        "capacity-reservation-specification.capacity-reservation-preference",
        "capacity-reservation-specification.capacity-reservation-target.capacity-reservation-id",
        "capacity-reservation-specification.capacity-reservation-target.capacity-reservation-resource-group-arn",
        "host-id",
        "iam-instance-profile.arn",
        "iam-instance-profile.id",
        "iam-instance-profile.name",
        "instance-lifecycle",
        "network-interface.addresses.association.carrier-ip",
        "network-interface.addresses.association.customer-owned-ip",
        "network-interface.association.carrier-ip",
        "network-interface.association.customer-owned-ip",
        "network-interface.deny-all-igw-traffic",
        "network-interface.ipv4-prefixes.ipv4-prefix",
        "network-interface.ipv6-native",
        "network-interface.ipv6-prefixes.ipv6-prefix",
        "network-interface.operator.managed",
        "network-interface.operator.principal",
        "network-interface.outpost-arn",
        "network-interface.public-dns-name",
        "network-interface.requester-id",
        "network-performance-options.bandwidth-weighting",
        "operator.managed",
        "operator.principal",
        "outpost-arn",
        "placement-group-name",
        "placement-partition-number",
        "platform",
        "product-code",
        "product-code.type",
        "requester-id",
        "spot-instance-request-id",
        "tpm-support",
        "usage-operation-update-time",
    ],
    tags: Some(|i| &i.tags),
};

fn able(on: bool) -> &'static str {
    if on { "enabled" } else { "disabled" }
}

fn public_ip(instance: &Instance) -> Option<std::net::Ipv4Addr> {
    instance.primary_interface().and_then(|eni| eni.public_ip)
}

fn enis<T: ToString>(instance: &Instance, look: fn(&NetworkInterface) -> Option<T>) -> Vec<String> {
    many(instance.interfaces.iter().filter_map(look))
}

fn addresses(instance: &Instance) -> impl Iterator<Item = PrivateAddress<'_>> {
    instance.interfaces.iter().flat_map(NetworkInterface::addresses)
}

fn elastics(instance: &Instance, look: fn(&ElasticRef) -> String) -> Vec<String> {
    many(addresses(instance).filter_map(|address| address.elastic).map(look))
}

fn owners(instance: &Instance, facts: &Facts<'_>) -> Vec<String> {
    many(addresses(instance).filter_map(|address| interface::owner(address, facts)))
}

fn attached(instance: &Instance, look: fn(&InterfaceAttachment) -> String) -> Vec<String> {
    many(instance.interfaces.iter().filter_map(|eni| eni.attachment.as_ref()).map(look))
}

fn public_names(instance: &Instance, facts: &Facts<'_>) -> Vec<String> {
    let public = addresses(instance).filter_map(|address| address.public_ip);
    many(public.map(|ip| public_dns_name(facts.region, ip)))
}

fn private_names(instance: &Instance, facts: &Facts<'_>) -> Vec<String> {
    many(addresses(instance).map(|address| private_dns_name(facts.region, address.private_ip)))
}
