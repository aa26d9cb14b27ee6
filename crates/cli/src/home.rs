//! `~/.cumulet`: private keys and known host keys. Only this command reads and writes it, never the daemon.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};

/// The directory.
pub struct Home(PathBuf);

impl Home {
    /// `$CUMULET_HOME`, or `.cumulet` in the user's home.
    pub fn from_env() -> Result<Self> {
        let named = |variable: &str| std::env::var_os(variable).filter(|value| !value.is_empty());
        if let Some(home) = named("CUMULET_HOME") {
            return Ok(Self(home.into()));
        }
        let home = named("HOME").map(PathBuf::from).unwrap_or_else(|| PathBuf::from("/root"));
        Ok(Self(home.join(".cumulet")))
    }

    /// Where the private key of a key pair is kept; key names may hold any character, file names not.
    pub fn key_file(&self, key_name: &str) -> PathBuf {
        self.0.join("keys").join(format!("{}.pem", file_name(key_name)))
    }

    /// Where the host key of an instance is kept once it was seen.
    pub fn known_hosts(&self, instance_id: &str) -> Result<PathBuf> {
        let directory = self.0.join("known_hosts");
        make_private(&directory)?;
        Ok(directory.join(file_name(instance_id)))
    }

    /// Writes a new private key with mode 0600; an existing file is never overwritten.
    pub fn write_key(path: &Path, private_key: &str) -> Result<()> {
        if let Some(directory) = path.parent() {
            make_private(directory)?;
        }
        let what = || format!("cannot write the private key to {}", path.display());
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(Failure::io(what()))?;
        file.write_all(private_key.as_bytes()).and_then(|()| file.sync_all()).map_err(Failure::io(what()))
    }
}

/// Makes a directory that only its owner can look into, unless it is there.
fn make_private(directory: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(Failure::io(format!("cannot make {}", directory.display())))
}

fn file_name(name: &str) -> String {
    let clean: String = name
        .chars()
        .map(|c| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | '+') { c } else { '_' })
        .collect();
    if clean.starts_with('.') { format!("_{clean}") } else { clean }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_readable_by_its_owner_alone_and_never_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let home = Home(directory.path().join("home"));
        let path = home.key_file("web");
        Home::write_key(&path, "secret").unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(Home::write_key(&path, "other").is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "secret");
    }

    #[test]
    fn no_key_name_leads_out_of_the_directory() {
        let home = Home(PathBuf::from("/h"));
        assert_eq!(home.key_file("web"), Path::new("/h/keys/web.pem"));
        assert_eq!(home.key_file("../../etc/x"), Path::new("/h/keys/_.._.._etc_x.pem"));
    }
}
