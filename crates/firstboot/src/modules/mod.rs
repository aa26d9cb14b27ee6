//! The modules of cloud-config, a file each, and their order.

mod commands;
mod files;
pub mod grow;
mod host;
mod packages;
mod passwords;
mod power;
mod ssh;
mod unhandled;
pub mod users;

use cumulet_cloud_init_config::CloudConfig;

use crate::context::Context;
use crate::error::ActionError;
use crate::instance::Instance;

/// What comes before users can be served: commands of each boot, files, names, users, keys.
pub fn early(context: &mut Context, instance: &Instance, config: &CloudConfig) {
    unhandled::report(context, config);
    commands::boot(context, instance, config);
    let files: Vec<_> = config.write_files.iter().filter(|file| !file.defer).collect();
    once(context, instance, "write_files", !files.is_empty(), |context| files::write(context, &files));
    let named = config.hostname.is_some() || config.fqdn.is_some();
    once(context, instance, "hostname", named, |context| host::name(context, config));
    once(context, instance, "groups", !config.groups.is_empty(), |context| users::groups(context, config));
    let has_users = config.users.is_some() || !config.ssh_authorized_keys.is_empty();
    once(context, instance, "users", has_users, |context| users::all(context, config));
    once(context, instance, "ssh", ssh::is_asked_for(config), |context| ssh::configure(context, config));
}

/// What takes longer: passwords, time zone, packages, files that wait for them.
pub fn late(context: &mut Context, instance: &Instance, config: &CloudConfig) {
    let passwords = config.chpasswd.is_some() || config.password.is_some();
    once(context, instance, "passwords", passwords, |context| passwords::set(context, config));
    once(context, instance, "timezone", config.timezone.is_some(), |context| host::timezone(context, config));
    once(context, instance, "packages", packages::is_asked_for(config), |context| {
        packages::install(context, config)
    });
    let files: Vec<_> = config.write_files.iter().filter(|file| file.defer).collect();
    once(context, instance, "write_files-deferred", !files.is_empty(), |context| {
        files::write(context, &files)
    });
}

/// What comes after the user's scripts.
pub fn last(context: &mut Context, instance: &Instance, config: &CloudConfig) {
    if let Some(message) = &config.final_message {
        for line in message.lines() {
            context.log.say(line);
        }
    }
    let asked = config.power_state.is_some();
    once(context, instance, "power_state", asked, |context| power::change(context, config));
}

/// Does something once per instance, if it is asked for at all.
fn once(
    context: &mut Context,
    instance: &Instance,
    what: &str,
    asked: bool,
    action: impl FnOnce(&mut Context) -> Result<(), ActionError>,
) {
    if !asked {
        return;
    }
    match instance.claim(&context.system, what) {
        Ok(true) => context.act(what, action),
        Ok(false) => context.skip(what),
        Err(error) => context.act(what, |_| Err(error)),
    }
}

/// Does all of several things and reports their failures together.
fn each<T>(
    items: impl IntoIterator<Item = T>,
    mut action: impl FnMut(T) -> Result<(), ActionError>,
) -> Result<(), ActionError> {
    let failures: Vec<_> = items.into_iter().filter_map(|item| action(item).err()).collect();
    match failures.len() {
        0 => Ok(()),
        1 => failures.into_iter().next().map_or(Ok(()), Err),
        _ => Err(ActionError::Refused(
            failures.iter().map(|e| crate::error::chain(e)).collect::<Vec<_>>().join("; "),
        )),
    }
}
