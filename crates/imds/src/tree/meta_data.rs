//! `meta-data/`.

use cumulet_model::address::{private_dns_name, public_dns_name};

use super::{Folder, Node, interfaces};
use crate::source::{InstanceMetadata, PublicKey};

/// The whole of `meta-data/`.
pub(super) fn of(facts: &InstanceMetadata) -> Node<'_> {
    let instance = &facts.instance;
    let primary = instance.primary_interface();
    let hostname = primary.map(|interface| private_dns_name(&facts.region, interface.private_ip));
    let public = primary.and_then(|interface| interface.public_ip);
    let groups = instance.groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>().join("\n");
    Folder::default()
        .put("ami-id", instance.image_id.to_string())
        .put("ami-launch-index", instance.launch_index.to_string())
        .put("ami-manifest-path", "(unknown)")
        .put("block-device-mapping", block_devices(facts))
        .put("events", events())
        .put_if("hostname", hostname.clone())
        .put("identity-credentials", identity_credentials(facts))
        .put("instance-action", "none")
        .put("instance-id", instance.id.to_string())
        .put("instance-life-cycle", "on-demand")
        .put("instance-type", instance.instance_type.clone())
        .put_if("kernel-id", instance.kernel_id.as_ref().map(ToString::to_string))
        .put_if("local-hostname", hostname)
        .put_if("local-ipv4", primary.map(|interface| interface.private_ip.to_string()))
        .put_if("mac", primary.map(|interface| interface.mac.to_string()))
        .put(
            "network",
            Folder::default().put("interfaces", Folder::default().put("macs", interfaces::of(facts))),
        )
        .put("placement", placement(facts))
        .put("profile", "default-hvm")
        .put_if("public-hostname", public.map(|address| public_dns_name(&facts.region, address)))
        .put_if("public-ipv4", public.map(|address| address.to_string()))
        .put_if("public-keys", public_keys(&facts.public_keys))
        .put_if("ramdisk-id", instance.ramdisk_id.as_ref().map(ToString::to_string))
        .put("reservation-id", instance.reservation_id.to_string())
        .put("security-groups", groups)
        .put("services", Folder::default().put("domain", "amazonaws.com").put("partition", "aws"))
        .put("system", "nitro")
        .put_if("tags", tags(facts))
        .into()
}

/// The root device under two names, then every other volume as `ebs1`, `ebs2`…
fn block_devices(facts: &InstanceMetadata) -> Folder<'_> {
    let root = &facts.instance.root_device_name;
    let folder = Folder::default().put("ami", root.as_str()).put("root", root.as_str());
    let others = facts.instance.block_devices.iter().filter(|device| device.device_name != *root);
    others.enumerate().fold(folder, |folder, (at, device)| {
        let name = device.device_name.strip_prefix("/dev/").unwrap_or(&device.device_name);
        folder.put(format!("ebs{}", at + 1), name)
    })
}

/// Nothing is ever scheduled, which EC2 words as empty lists.
fn events() -> Folder<'static> {
    Folder::default().put("maintenance", Folder::default().put("history", "[]").put("scheduled", "[]"))
}

fn identity_credentials(facts: &InstanceMetadata) -> Folder<'_> {
    let info = serde_json::json!({
        "Code": "Success",
        "LastUpdated": facts.instance.launch_time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "AccountId": facts.account_id,
    });
    Folder::default().put("ec2", Folder::default().put("info", format!("{info:#}")))
}

fn placement(facts: &InstanceMetadata) -> Folder<'_> {
    let zone = &facts.instance.zone;
    Folder::default()
        .put("availability-zone", zone.as_str())
        .put_if("availability-zone-id", facts.region.zone(zone).map(|zone| zone.id.as_str()))
        .put("region", facts.region.name.as_str())
}

/// Listed as `0=name`, found as `0/openssh-key`.
fn public_keys(keys: &[PublicKey]) -> Option<Node<'_>> {
    if keys.is_empty() {
        return None;
    }
    let listing: Vec<_> = keys.iter().enumerate().map(|(at, key)| format!("{at}={}", key.name)).collect();
    let entries = keys.iter().enumerate().map(|(at, key)| {
        let line = format!("{}\n", key.openssh.trim_end());
        (at.to_string(), Node::from(Folder::default().put("openssh-key", line)))
    });
    Some(Node::Listed(listing.join("\n"), entries.collect()))
}

/// Only if the instance shows them. A key that can't be a name in a path is left out; EC2 refuses to show such tags.
fn tags(facts: &InstanceMetadata) -> Option<Folder<'_>> {
    if !facts.instance.metadata_options.tags_enabled {
        return None;
    }
    let shown = facts.instance.tags.iter().filter(|(key, _)| is_name(key));
    let folder =
        shown.fold(Folder::default(), |folder, (key, value)| folder.put(key.as_str(), value.as_str()));
    Some(Folder::default().put("instance", folder))
}

/// EC2 guide, "Work with instance tags in instance metadata".
fn is_name(key: &str) -> bool {
    let allowed = |c: char| c.is_alphanumeric() || "+-=.,_:@".contains(c);
    !matches!(key, "." | ".." | "_index") && key.chars().all(allowed)
}
