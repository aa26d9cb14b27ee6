//! sshd's host keys: a disk that becomes another instance gets new ones.

use std::fs;

use crate::context::Context;
use crate::error::ActionError;

const FOLDER: &str = "/etc/ssh";

/// The host keys' files, private and public.
fn files(context: &Context) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(context.system.path(FOLDER)).into_iter().flatten().flatten();
    let is_key = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with("ssh_host_") && (name.ends_with("_key") || name.ends_with("_key.pub"))
    };
    let mut found: Vec<_> = entries.map(|entry| entry.path()).filter(is_key).collect();
    found.sort();
    found
}

/// Whether the disk has no host keys, as a fresh image.
pub fn none_there(context: &Context) -> bool {
    files(context).is_empty()
}

/// Removes the keys that are there and makes new ones.
pub fn replace(context: &mut Context) -> Result<(), ActionError> {
    for path in files(context) {
        fs::remove_file(&path).map_err(ActionError::io("remove", &path))?;
    }
    make(context)
}

/// Makes a key of each type of the settings.
pub fn make(context: &mut Context) -> Result<(), ActionError> {
    let types = context.settings.host_key_types.clone();
    types.iter().try_for_each(|kind| make_one(context, kind))
}

/// Makes the key of one type if it isn't there.
pub fn make_one(context: &Context, kind: &str) -> Result<(), ActionError> {
    if !["ed25519", "ecdsa", "rsa", "dsa"].contains(&kind) {
        return Err(ActionError::Refused(format!("`{}` is not a type of host key", kind.escape_debug())));
    }
    let path = context.system.path(format!("{FOLDER}/ssh_host_{kind}_key"));
    if path.exists() {
        return Ok(());
    }
    let file = path.to_string_lossy();
    context.system.run("ssh-keygen", &["-q", "-t", kind, "-N", "", "-C", "", "-f", &file]).map(|_| ())
}

/// Shows the public halves on the console, where the machine's owner can read them before the first login. The
/// lines around them are cloud-init's, which tools look for.
pub fn show(context: &mut Context) {
    let mut text = "-----BEGIN SSH HOST KEY KEYS-----\n".to_owned();
    for path in files(context) {
        if path.extension().is_some_and(|extension| extension == "pub") {
            text += fs::read_to_string(&path).unwrap_or_default().trim();
            text.push('\n');
        }
    }
    text += "-----END SSH HOST KEY KEYS-----\n";
    context.log.show(&text);
}
