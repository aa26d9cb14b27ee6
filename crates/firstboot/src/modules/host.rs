//! `hostname`, `fqdn` and `timezone`.

use std::os::unix::fs::symlink;

use cumulet_cloud_init_config::CloudConfig;

use crate::context::Context;
use crate::error::ActionError;
use crate::init::hostname;

pub(super) fn name(context: &mut Context, config: &CloudConfig) -> Result<(), ActionError> {
    if config.preserve_hostname == Some(true) {
        return Ok(());
    }
    let name = config.fqdn.as_ref().filter(|fqdn| fqdn.contains('.')).or(config.hostname.as_ref());
    let Some(name) = name.or(config.fqdn.as_ref()) else { return Ok(()) };
    hostname::set(context, name)?;
    hostname::choose(context, name)
}

pub(super) fn timezone(context: &mut Context, config: &CloudConfig) -> Result<(), ActionError> {
    let zone = config.timezone.as_deref().unwrap_or_default();
    let valid = |c: char| c.is_ascii_alphanumeric() || "_-+/".contains(c);
    let data = format!("/usr/share/zoneinfo/{zone}");
    if zone.is_empty()
        || zone.starts_with('/')
        || !zone.chars().all(valid)
        || !context.system.path(&data).is_file()
    {
        return Err(ActionError::Refused(format!(
            "there is no time zone `{}` on this image",
            zone.escape_debug()
        )));
    }
    context.system.write("/etc/timezone", format!("{zone}\n").as_bytes(), 0o644)?;
    let link = context.system.path("/etc/localtime");
    let new = context.system.path("/etc/localtime.new");
    _ = std::fs::remove_file(&new);
    symlink(&data, &new).map_err(ActionError::io("link", &new))?;
    std::fs::rename(&new, &link).map_err(ActionError::io("replace", &link))
}
