//! Users and groups as `/etc/passwd` and `/etc/group` of the machine have them.

use std::os::unix::fs::chown;
use std::path::Path;

use crate::error::ActionError;
use crate::system::System;

/// A line of `/etc/passwd`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The login name.
    pub name: String,
    /// The user id.
    pub uid: u32,
    /// The primary group's id.
    pub gid: u32,
    /// The home directory.
    pub home: String,
}

/// The account of that name.
pub fn find(system: &System, name: &str) -> Option<Account> {
    let text = system.read_text("/etc/passwd").ok()?;
    text.lines().find_map(|line| {
        let columns: Vec<_> = line.split(':').collect();
        let [own, _, uid, gid, _, home, ..] = columns.as_slice() else { return None };
        let (uid, gid) = (uid.parse().ok()?, gid.parse().ok()?);
        (*own == name).then(|| Account { name: name.to_owned(), uid, gid, home: (*home).to_owned() })
    })
}

/// The id of the group of that name.
pub fn group(system: &System, name: &str) -> Option<u32> {
    let text = system.read_text("/etc/group").ok()?;
    text.lines().find_map(|line| {
        let mut columns = line.split(':');
        let own = columns.next()?;
        let gid = columns.nth(1)?.parse().ok()?;
        (own == name).then_some(gid)
    })
}

/// Gives a file to `user:group`, `user` or `:group`, by name or number.
pub fn give(system: &System, path: &Path, owner: &str) -> Result<(), ActionError> {
    let (user, group_name) = owner.split_once(':').unwrap_or((owner, ""));
    let unknown = |kind: &str, name: &str| ActionError::Refused(format!("there is no {kind} `{name}`"));
    let uid = match user {
        "" => None,
        name => {
            let id = find(system, name).map(|account| account.uid).or_else(|| name.parse().ok());
            Some(id.ok_or_else(|| unknown("user", name))?)
        }
    };
    let gid = match group_name {
        "" => None,
        name => {
            Some(group(system, name).or_else(|| name.parse().ok()).ok_or_else(|| unknown("group", name))?)
        }
    };
    chown(path, uid, gid).map_err(ActionError::io("chown", path))
}

/// Adds lines to a user's `authorized_keys` that aren't in it; the folder and file become the user's own.
///
/// The home is in the user's hands, also of a disk that was another instance's before: a link there could lead root
/// to any file of the machine, so none is followed.
pub fn authorize(system: &System, account: &Account, keys: &[String]) -> Result<(), ActionError> {
    let folder = format!("{}/.ssh", account.home);
    let file = format!("{folder}/authorized_keys");
    for path in [&folder, &file] {
        if system.path(path).is_symlink() {
            return Err(ActionError::Refused(format!("{path} is a symbolic link")));
        }
    }
    let mut text = system.read_text(&file).unwrap_or_default();
    for key in keys.iter().map(|key| key.trim()).filter(|key| !key.is_empty() && !key.contains('\n')) {
        if text.lines().any(|line| line.trim() == key) {
            continue;
        }
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text += key;
        text.push('\n');
    }
    system.make_folder(&folder, 0o700)?;
    system.write(&file, text.as_bytes(), 0o600)?;
    for path in [system.path(&folder), system.path(&file)] {
        chown(&path, Some(account.uid), Some(account.gid)).map_err(ActionError::io("chown", &path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_added_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let system = System::new(folder.path());
        let uid = rustix::process::getuid().as_raw();
        let gid = rustix::process::getgid().as_raw();
        let passwd = format!("root:x:0:0::/root:/bin/sh\nann:x:{uid}:{gid}:Ann:/home/ann:/bin/sh\n");
        system.write("/etc/passwd", passwd.as_bytes(), 0o644).unwrap();
        let account = find(&system, "ann").unwrap();
        for _ in 0..2 {
            authorize(&system, &account, &["ssh-ed25519 A a\n".into(), "ssh-rsa B b".into()]).unwrap();
        }
        assert_eq!(
            system.read_text("/home/ann/.ssh/authorized_keys").unwrap(),
            "ssh-ed25519 A a\nssh-rsa B b\n"
        );
        assert_eq!(find(&system, "an"), None);
    }

    #[test]
    fn no_link_in_a_home_is_followed() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let system = System::new(folder.path());
        let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
        let account = Account { name: "ann".into(), uid, gid, home: "/home/ann".into() };
        let key = ["ssh-ed25519 A a".to_owned()];
        system.write("/etc/secret", b"secret\n", 0o600).unwrap();
        system.make_folder("/home/ann", 0o755).unwrap();
        let at_home = |name: &str| folder.path().join("home/ann").join(name);

        symlink(folder.path().join("etc"), at_home(".ssh")).unwrap();
        assert!(authorize(&system, &account, &key).is_err());
        std::fs::remove_file(at_home(".ssh")).unwrap();
        std::fs::create_dir(at_home(".ssh")).unwrap();
        symlink(folder.path().join("etc/secret"), at_home(".ssh/authorized_keys")).unwrap();
        assert!(authorize(&system, &account, &key).is_err());
        std::fs::remove_file(at_home(".ssh/authorized_keys")).unwrap();
        symlink(folder.path().join("etc/secret"), at_home(".ssh/authorized_keys.new")).unwrap();
        authorize(&system, &account, &key).unwrap();
        assert_eq!(system.read_text("/home/ann/.ssh/authorized_keys").unwrap(), "ssh-ed25519 A a\n");
        assert_eq!(system.read_text("/etc/secret").unwrap(), "secret\n");
        assert!(!folder.path().join("etc/authorized_keys").exists());
    }
}
