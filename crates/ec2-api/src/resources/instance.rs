//! An instance as DescribeInstances and RunInstances show it.

use cumulet_model::ErrorCode;
use cumulet_model::address::{private_dns_name, public_dns_name};
use cumulet_model::instance::{Instance, InstanceBlockDevice, MetadataOptions};
use cumulet_model::state::{InstanceState, StateReason};
use cumulet_model::{InstanceId, ReservationId};

use super::{ARCHITECTURE, group_set, interface};
use crate::call::Facts;
use crate::describe::{Ids, Kind, id_form};
use crate::paging::USUAL;
use crate::xml::Xml;

pub use super::instance_filters::FILTERS;

/// How instances are described.
pub const KIND: Kind<Instance> =
    Kind { ids: Some(IDS), filters: &FILTERS, page: Some((USUAL, |i| i.id.to_string())) };

/// How instances are selected.
pub const IDS: Ids<Instance> = Ids {
    parameter: "InstanceId",
    of: |instance| instance.id.to_string(),
    check: id_form::<InstanceId>,
    not_found: ErrorCode::InvalidInstanceIdNotFound,
    noun: "instance ID",
};

/// An instance's fields.
pub fn xml(instance: &Instance, facts: &Facts<'_>) -> Xml {
    let about_machine = Xml::new()
        .text("architecture", ARCHITECTURE)
        .list("blockDeviceMapping", instance.block_devices.iter().map(device_xml))
        .maybe("clientToken", instance.client_token.as_deref())
        .text("ebsOptimized", false)
        .text("enaSupport", false)
        .text("hypervisor", "xen")
        .list("networkInterfaceSet", instance.interfaces.iter().map(|eni| interface::of_instance(eni, facts)))
        .text("rootDeviceName", &instance.root_device_name)
        .text("rootDeviceType", "ebs");
    let about_rules = group_set(about_machine, &instance.groups)
        .maybe("sourceDestCheck", instance.primary_interface().map(|eni| eni.source_dest_check))
        .maybe_node("stateReason", instance.state_reason.as_ref().map(reason_xml))
        .tags_if_any(&instance.tags)
        .text("virtualizationType", "hvm")
        .node("hibernationOptions", Xml::new().text("configured", instance.hibernation))
        .node("metadataOptions", metadata_xml(&instance.metadata_options))
        .node("enclaveOptions", Xml::new().text("enabled", false))
        .text("bootMode", "legacy-bios")
        .text("platformDetails", "Linux/UNIX")
        .text("usageOperation", "RunInstances")
        .node("privateDnsNameOptions", name_options())
        .node("maintenanceOptions", Xml::new().text("autoRecovery", "default"))
        .text("currentInstanceBootMode", "legacy-bios");
    about_rules.and(identity(instance, facts))
}

/// The fields that say which instance it is, how it is reached and where.
fn identity(instance: &Instance, facts: &Facts<'_>) -> Xml {
    let eni = instance.primary_interface();
    let private_ip = eni.map(|eni| eni.private_ip);
    let public_ip = eni.and_then(|eni| eni.public_ip);
    let gone = instance.state == InstanceState::Terminated;
    Xml::new()
        .text("instanceId", &instance.id)
        .text("imageId", &instance.image_id)
        .node("instanceState", state_xml(instance.state))
        .text("privateDnsName", private_ip.map(|ip| private_dns_name(facts.region, ip)).unwrap_or_default())
        .text("dnsName", public_ip.map(|ip| public_dns_name(facts.region, ip)).unwrap_or_default())
        .text("reason", &instance.state_transition_reason)
        .maybe("keyName", instance.key_name.as_deref())
        .text("amiLaunchIndex", instance.launch_index)
        .list("productCodes", [])
        .text("instanceType", &instance.instance_type)
        .time("launchTime", instance.launch_time)
        .node("placement", placement(instance, facts))
        .maybe("kernelId", instance.kernel_id.as_ref())
        .maybe("ramdiskId", instance.ramdisk_id.as_ref())
        .node("monitoring", monitoring_xml(instance))
        .maybe("subnetId", (!gone).then_some(&instance.subnet_id))
        .maybe("vpcId", (!gone).then_some(&instance.vpc_id))
        .maybe("privateIpAddress", private_ip)
        .maybe("ipAddress", public_ip)
        .maybe("ipv6Address", eni.and_then(|eni| eni.ipv6.first()))
}

fn placement(instance: &Instance, facts: &Facts<'_>) -> Xml {
    Xml::new()
        .maybe("availabilityZoneId", facts.zone_id(&instance.zone))
        .text("groupName", "")
        .text("tenancy", "default")
        .text("availabilityZone", &instance.zone)
}

fn monitoring_xml(instance: &Instance) -> Xml {
    Xml::new().text("state", if instance.monitoring { "enabled" } else { "disabled" })
}

fn name_options() -> Xml {
    Xml::new()
        .text("hostnameType", "ip-name")
        .text("enableResourceNameDnsARecord", false)
        .text("enableResourceNameDnsAAAARecord", false)
}

fn reason_xml(reason: &StateReason) -> Xml {
    Xml::new().text("code", &reason.code).text("message", &reason.message)
}

/// A state as code and name.
pub fn state_xml(state: InstanceState) -> Xml {
    Xml::new().text("code", state.code()).text("name", state.as_str())
}

/// A volume as its instance shows it.
pub fn device_xml(device: &InstanceBlockDevice) -> Xml {
    let ebs = Xml::new()
        .time("attachTime", device.attached)
        .text("deleteOnTermination", device.delete_on_termination)
        .text("status", device.state.as_str())
        .text("volumeId", &device.volume_id);
    Xml::new().text("deviceName", &device.device_name).node("ebs", ebs)
}

/// Metadata options; they hold as soon as they are set.
pub fn metadata_xml(options: &MetadataOptions) -> Xml {
    let able = |on: bool| if on { "enabled" } else { "disabled" };
    Xml::new()
        .text("state", "applied")
        .text("httpTokens", tokens_word(options))
        .text("httpPutResponseHopLimit", options.hop_limit)
        .text("httpEndpoint", able(options.endpoint_enabled))
        .text("httpProtocolIpv6", able(options.ipv6_enabled))
        .text("instanceMetadataTags", able(options.tags_enabled))
}

/// EC2's word for whether tokens are required.
pub fn tokens_word(options: &MetadataOptions) -> &'static str {
    if options.tokens_required { "required" } else { "optional" }
}

/// A reservation with these instances of it.
pub fn reservation_xml(id: &ReservationId, owner: &str, instances: &[Instance], facts: &Facts<'_>) -> Xml {
    Xml::new()
        .text("reservationId", id)
        .text("ownerId", owner)
        .list("groupSet", [])
        .list("instancesSet", instances.iter().map(|instance| xml(instance, facts)))
}
