//! The table of top-level keys: how each is read and written.

use super::fields::{Fields, Note, flag_of};
use super::write::Writer;
use super::{CloudConfig, command, file, group, host, known, package, password, power, storage, time, user};
use crate::yaml::{Mapping, Value};

pub(super) fn cloud_config(mapping: Mapping, notes: &mut Vec<Note>) -> CloudConfig {
    let mut fields = Fields::new("", mapping, notes);
    let f = &mut fields;
    let config = CloudConfig {
        hostname: f.text("hostname"),
        fqdn: f.text("fqdn"),
        prefer_fqdn_over_hostname: f.flag("prefer_fqdn_over_hostname"),
        preserve_hostname: f.flag("preserve_hostname"),
        manage_etc_hosts: host::read_hosts(f),
        users: user::read(f),
        groups: group::read(f),
        ssh_authorized_keys: f.texts("ssh_authorized_keys"),
        ssh_pwauth: host::read_pwauth(f),
        disable_root: f.flag("disable_root"),
        ssh_keys: host::read_ssh_keys(f),
        ssh_deletekeys: f.flag("ssh_deletekeys"),
        ssh_genkeytypes: f.texts("ssh_genkeytypes"),
        password: f.text("password"),
        chpasswd: password::read(f),
        write_files: file::read(f),
        packages: package::read(f),
        package_update: f.flag("package_update"),
        package_upgrade: f.flag("package_upgrade"),
        package_reboot_if_required: f.flag("package_reboot_if_required"),
        bootcmd: command::read(f, "bootcmd"),
        runcmd: command::read(f, "runcmd"),
        timezone: f.text("timezone"),
        locale: read_locale(f),
        mounts: storage::read_mounts(f),
        growpart: storage::read_growpart(f),
        resize_rootfs: read_resize(f),
        ntp: time::read(f),
        final_message: f.text("final_message"),
        power_state: power::read(f),
        other: Mapping::new(),
    };
    CloudConfig { other: fields.finish(known::UNTYPED), ..config }
}

/// `locale: false` means that it is left alone.
fn read_locale(fields: &mut Fields<'_>) -> Option<String> {
    match fields.take("locale")? {
        Value::Bool(false) => None,
        Value::String(text) => Some(text),
        value => {
            fields.wrong("locale", "a string", value);
            None
        }
    }
}

/// `noblock` means yes, in the background.
fn read_resize(fields: &mut Fields<'_>) -> Option<bool> {
    let value = fields.take("resize_rootfs")?;
    match flag_of(&value) {
        Some(flag) => Some(flag),
        None if value.as_str() == Some("noblock") => Some(true),
        None => {
            fields.wrong("resize_rootfs", "a boolean or noblock", value);
            None
        }
    }
}

pub(super) fn to_mapping(config: &CloudConfig) -> Mapping {
    let users = config.users.as_ref().map(|users| Value::Sequence(users.iter().map(user::write).collect()));
    Writer::default()
        .put("hostname", config.hostname.as_deref())
        .put("fqdn", config.fqdn.as_deref())
        .put("prefer_fqdn_over_hostname", config.prefer_fqdn_over_hostname)
        .put("preserve_hostname", config.preserve_hostname)
        .put("manage_etc_hosts", config.manage_etc_hosts.map(host::write_hosts))
        .list("groups", &config.groups, group::write)
        .put("users", users)
        .texts("ssh_authorized_keys", &config.ssh_authorized_keys)
        .put("ssh_pwauth", config.ssh_pwauth.map(host::write_pwauth))
        .put("disable_root", config.disable_root)
        .put("ssh_keys", host::write_ssh_keys(&config.ssh_keys))
        .put("ssh_deletekeys", config.ssh_deletekeys)
        .texts("ssh_genkeytypes", &config.ssh_genkeytypes)
        .put("password", config.password.as_deref())
        .put("chpasswd", config.chpasswd.as_ref().map(password::write))
        .list("write_files", &config.write_files, file::write)
        .list("packages", &config.packages, package::write)
        .put("package_update", config.package_update)
        .put("package_upgrade", config.package_upgrade)
        .put("package_reboot_if_required", config.package_reboot_if_required)
        .list("bootcmd", &config.bootcmd, command::write)
        .list("runcmd", &config.runcmd, command::write)
        .put("timezone", config.timezone.as_deref())
        .put("locale", config.locale.as_deref())
        .list("mounts", &config.mounts, |columns| storage::write_mount(columns))
        .put("growpart", config.growpart.as_ref().map(storage::write_growpart))
        .put("resize_rootfs", config.resize_rootfs)
        .put("ntp", config.ntp.as_ref().map(time::write))
        .put("final_message", config.final_message.as_deref())
        .put("power_state", config.power_state.as_ref().map(power::write))
        .finish(&config.other)
}
