//! Keys that mean something to cloud-init and nothing here: said, not passed over.

use cumulet_cloud_init_config::CloudConfig;
use cumulet_cloud_init_config::config::{GrowMode, ManageEtcHosts};

use crate::context::Context;

/// Keys whose whole meaning is kept without doing anything.
const NOTHING_TO_DO: &[&str] = &["merge_how", "merge_type", "launch-index", "ssh_quiet_keygen"];

pub(super) fn report(context: &mut Context, config: &CloudConfig) {
    let asked = [
        ("locale", config.locale.is_some()),
        ("mounts", !config.mounts.is_empty()),
        ("ntp", config.ntp.is_some()),
        ("package_reboot_if_required", config.package_reboot_if_required == Some(true)),
        (
            "growpart",
            config.growpart.as_ref().is_some_and(|g| !g.devices.is_empty() && g.mode != GrowMode::Off),
        ),
        ("manage_etc_hosts: true", config.manage_etc_hosts == Some(ManageEtcHosts::Template)),
        ("resize_rootfs: false", config.resize_rootfs == Some(false)),
        ("ssh_deletekeys: false", config.ssh_deletekeys == Some(false)),
    ];
    for (what, _) in asked.iter().filter(|(_, asked)| *asked) {
        context.not_implemented(what);
    }
    for (key, _) in config.other.iter().filter(|(key, _)| !NOTHING_TO_DO.contains(key)) {
        context.not_implemented(key);
    }
}
