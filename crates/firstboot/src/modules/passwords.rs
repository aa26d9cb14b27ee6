//! `chpasswd` and `password`.

use std::io::Read;

use cumulet_cloud_init_config::CloudConfig;
use cumulet_cloud_init_config::config::Secret;

use super::each;
use crate::context::Context;
use crate::error::ActionError;

pub(super) fn set(context: &mut Context, config: &CloudConfig) -> Result<(), ActionError> {
    let chpasswd = config.chpasswd.clone().unwrap_or_default();
    let mut entries: Vec<_> = chpasswd.users.into_iter().map(|entry| (entry.name, entry.secret)).collect();
    if let Some(password) = &config.password {
        let hashed = password.starts_with('$');
        let secret = if hashed { Secret::Hash(password.clone()) } else { Secret::Text(password.clone()) };
        entries.insert(0, (context.settings.default_user.clone(), secret));
    }
    each(&entries, |(name, secret)| set_one(context, name, secret))?;
    if chpasswd.expire.unwrap_or(true) {
        each(&entries, |(name, _)| context.system.run("passwd", &["--expire", "--", name]).map(|_| ()))?;
    }
    Ok(())
}

/// Sets one password; it never stands on a command line or in the log.
pub(super) fn set_one(context: &mut Context, name: &str, secret: &Secret) -> Result<(), ActionError> {
    let (options, password): (&[&str], String) = match secret {
        Secret::Hash(hash) => (&["-e"], hash.clone()),
        Secret::Text(text) => (&[], text.clone()),
        Secret::Random => (&[], random()?),
    };
    if format!("{name}{password}").contains(['\n', '\r']) || name.contains(':') {
        return Err(ActionError::Refused("a name or password holds a line end or colon".to_owned()));
    }
    context.system.run_with("chpasswd", options, format!("{name}:{password}\n").as_bytes())?;
    if *secret == Secret::Random {
        // On the console alone, as cloud-init does: the log file stays on the disk.
        context.log.show(&format!("Set the following 'random' passwords\n{name}:{password}\n"));
    }
    Ok(())
}

/// Twenty letters and digits that aren't mistaken for one another.
fn random() -> Result<String, ActionError> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let source = std::path::Path::new("/dev/urandom");
    let mut bytes = [0; 20];
    let mut file = std::fs::File::open(source).map_err(ActionError::io("open", source))?;
    file.read_exact(&mut bytes).map_err(ActionError::io("read", source))?;
    Ok(bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect())
}
