//! `users`, `groups`, and the default user.

use cumulet_cloud_init_config::CloudConfig;
use cumulet_cloud_init_config::config::{Group, Secret, User, UserEntry};

use super::{each, passwords};
use crate::accounts::{self, Account};
use crate::context::Context;
use crate::error::ActionError;

const SUDOERS: &str = "/etc/sudoers.d/90-cumulet-users";

/// The default user, made if the image hasn't one.
pub fn default_account(context: &mut Context) -> Result<Account, ActionError> {
    let name = context.settings.default_user.clone();
    if let Some(account) = accounts::find(&context.system, &name) {
        return Ok(account);
    }
    let user = User {
        gecos: Some("Debian".to_owned()),
        shell: Some("/bin/bash".to_owned()),
        sudo: vec!["ALL=(ALL) NOPASSWD:ALL".to_owned()],
        name,
        ..User::default()
    };
    ensure(context, &user)
}

pub(super) fn groups(context: &mut Context, config: &CloudConfig) -> Result<(), ActionError> {
    each(&config.groups, |group| make_group(context, group))
}

fn make_group(context: &Context, group: &Group) -> Result<(), ActionError> {
    add_group(context, &group.name)?;
    each(&group.members, |member| {
        context.system.run("usermod", &["-a", "-G", &group.name, "--", member]).map(|_| ())
    })
}

fn add_group(context: &Context, name: &str) -> Result<(), ActionError> {
    if accounts::group(&context.system, name).is_some() {
        return Ok(());
    }
    context.system.run("groupadd", &["--", name]).map(|_| ())
}

/// All users; the document's own keys are the default user's.
pub(super) fn all(context: &mut Context, config: &CloudConfig) -> Result<(), ActionError> {
    let default = [UserEntry::Default];
    let entries = config.users.as_deref().unwrap_or(&default);
    each(entries, |entry| match entry {
        UserEntry::Default => {
            let account = default_account(context)?;
            accounts::authorize(&context.system, &account, &config.ssh_authorized_keys)
        }
        UserEntry::User(user) => complete(context, user),
    })
}

fn complete(context: &mut Context, user: &User) -> Result<(), ActionError> {
    let new = accounts::find(&context.system, &user.name).is_none();
    let account = ensure(context, user)?;
    if let Some(hash) = user.hashed_passwd.as_ref().or(user.passwd.as_ref().filter(|_| new)) {
        passwords::set_one(context, &user.name, &Secret::Hash(hash.clone()))?;
    }
    if let Some(text) = &user.plain_text_passwd {
        passwords::set_one(context, &user.name, &Secret::Text(text.clone()))?;
    }
    let has_password =
        user.passwd.is_some() || user.hashed_passwd.is_some() || user.plain_text_passwd.is_some();
    if user.lock_passwd.unwrap_or(true) && (has_password || !new) {
        context.system.run("usermod", &["-L", "--", &user.name])?;
    }
    if !user.ssh_authorized_keys.is_empty() {
        accounts::authorize(&context.system, &account, &user.ssh_authorized_keys)?;
    }
    if !user.ssh_import_id.is_empty() {
        context.not_implemented(&format!("ssh_import_id of {}", user.name));
    }
    for (key, _) in user.other.iter() {
        context.not_implemented(&format!("`{key}` of user {}", user.name));
    }
    Ok(())
}

/// Makes the user unless there is one of that name, and writes its sudo rules.
fn ensure(context: &mut Context, user: &User) -> Result<Account, ActionError> {
    if accounts::find(&context.system, &user.name).is_none() {
        for group in user.groups.iter().chain(&user.primary_group) {
            add_group(context, group)?;
        }
        let arguments = useradd(user);
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        context.system.run("useradd", &arguments)?;
    }
    sudo(context, user)?;
    let made = accounts::find(&context.system, &user.name);
    made.ok_or_else(|| ActionError::Refused(format!("useradd made no user `{}`", user.name)))
}

fn useradd(user: &User) -> Vec<String> {
    let mut arguments = Vec::new();
    let mut option = |name: &str, value: Option<&String>| {
        if let Some(value) = value {
            arguments.extend([name.to_owned(), value.clone()]);
        }
    };
    option("--comment", user.gecos.as_ref());
    option("--gid", user.primary_group.as_ref());
    option("--home-dir", user.homedir.as_ref());
    option("--shell", user.shell.as_ref().or(Some(&"/bin/bash".to_owned())));
    option("--uid", user.uid.map(|uid| uid.to_string()).as_ref());
    option("--expiredate", user.expiredate.as_ref());
    option("--groups", Some(&user.groups.join(",")).filter(|groups| !groups.is_empty()));
    let yes = |flag: Option<bool>| flag == Some(true);
    if yes(user.system) {
        arguments.push("--system".to_owned());
    }
    if yes(user.no_user_group) {
        arguments.push("--no-user-group".to_owned());
    }
    let home =
        if yes(user.no_create_home) || yes(user.system) { "--no-create-home" } else { "--create-home" };
    arguments.extend([home.to_owned(), "--".to_owned(), user.name.clone()]);
    arguments
}

fn sudo(context: &Context, user: &User) -> Result<(), ActionError> {
    if user.sudo.is_empty() {
        return Ok(());
    }
    let system = &context.system;
    let mut text = system.read_text(SUDOERS).unwrap_or_default();
    for rule in &user.sudo {
        if rule.contains(['\n', '\r']) {
            return Err(ActionError::Refused(format!("a sudo rule of {} has more than one line", user.name)));
        }
        let line = format!("{} {rule}\n", user.name);
        if !text.contains(&line) {
            text += &line;
        }
    }
    system.write(SUDOERS, text.as_bytes(), 0o440)
}
