//! sshd: `ssh_pwauth`, `ssh_keys`, `ssh_genkeytypes`, `disable_root`.

use cumulet_cloud_init_config::CloudConfig;
use cumulet_cloud_init_config::config::SshPwauth;

use super::each;
use crate::accounts;
use crate::context::Context;
use crate::error::ActionError;
use crate::init::host_keys;

pub(super) fn is_asked_for(config: &CloudConfig) -> bool {
    let passwords = matches!(config.ssh_pwauth, Some(SshPwauth::Yes | SshPwauth::No));
    passwords
        || config.disable_root == Some(false)
        || !config.ssh_keys.is_empty()
        || !config.ssh_genkeytypes.is_empty()
}

pub(super) fn configure(context: &mut Context, config: &CloudConfig) -> Result<(), ActionError> {
    if let Some(SshPwauth::Yes | SshPwauth::No) = config.ssh_pwauth {
        let word = if config.ssh_pwauth == Some(SshPwauth::Yes) { "yes" } else { "no" };
        let text = format!("PasswordAuthentication {word}\n");
        context.system.write("/etc/ssh/sshd_config.d/50-cumulet.conf", text.as_bytes(), 0o600)?;
    }
    each(&config.ssh_keys, |(name, text)| host_key(context, name, text))?;
    if config.ssh_keys.is_empty() {
        each(&config.ssh_genkeytypes, |kind| host_keys::make_one(context, kind))?;
    }
    if config.disable_root == Some(false) {
        open_root(context)?;
    }
    reload(context)
}

/// `ed25519_private` and so on become the files that sshd looks for.
fn host_key(context: &Context, name: &str, text: &str) -> Result<(), ActionError> {
    let refused = || ActionError::Refused(format!("ssh_keys.{name} names no host key"));
    let (kind, half) = name.split_once('_').ok_or_else(refused)?;
    if !["ed25519", "ecdsa", "rsa", "dsa"].contains(&kind) {
        return Err(refused());
    }
    let (suffix, mode) = match half {
        "private" => ("", 0o600),
        "public" => (".pub", 0o644),
        "certificate" => ("-cert.pub", 0o644),
        _ => return Err(refused()),
    };
    let path = format!("/etc/ssh/ssh_host_{kind}_key{suffix}");
    let text = if text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") };
    context.system.write(&path, text.as_bytes(), mode)
}

/// Root gets the default user's keys.
fn open_root(context: &Context) -> Result<(), ActionError> {
    let system = &context.system;
    let user = &context.settings.default_user;
    let missing = |name: &str| ActionError::Refused(format!("there is no user `{name}`"));
    let account = accounts::find(system, user).ok_or_else(|| missing(user))?;
    let root = accounts::find(system, "root").ok_or_else(|| missing("root"))?;
    let text = system.read_text(&format!("{}/.ssh/authorized_keys", account.home)).unwrap_or_default();
    let keys: Vec<_> = text.lines().map(str::to_owned).collect();
    accounts::authorize(system, &root, &keys)
}

fn reload(context: &Context) -> Result<(), ActionError> {
    if context.system.tool("systemctl").is_none() {
        return Ok(());
    }
    context.system.run("systemctl", &["try-reload-or-restart", "ssh.service"]).map(|_| ())
}
