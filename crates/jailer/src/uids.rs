//! The user ids of machines: each has one of its own while its run directory is there, with a group of the same number.
//!
//! They come from [`FIRST`] to [`FIRST`] + [`COUNT`] - 1. systemd's table of user ids (systemd.io/UIDS-GIDS) gives that
//! part of the number space to nobody: it lies above the ids of containers and below 2^31.
//!
//! What is given out stands in a directory that all installations of a host share: a symbolic link with the id as its
//! name leads to the run directory, whose group is that id. A link is worth something only while both agree, so what a
//! crash leaves behind is found out and used anew. All changes are made under a lock. The directory is emptied by a
//! reboot, as run directories are.

use rustix::fs::{FlockOperation, flock};
use std::fs::{DirBuilder, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

/// The first user id.
pub const FIRST: u32 = 1_900_000_000;
/// How many there are.
pub const COUNT: u32 = 65_536;
/// Where it stands what is given out.
pub const DIR: &str = "/run/cumulet-uids";
/// Held while something is changed.
const LOCK: &str = "lock";
/// Root's directory, in which the group may make files and remove its own and no other.
const RUN_DIR_MODE: u32 = 0o1770;

/// The user ids of this host.
#[derive(Debug, Clone)]
pub struct Uids {
    dir: PathBuf,
}

impl Uids {
    /// As they stand in `dir`, usually [`DIR`].
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Gives a user id to a new run directory of root's, and makes the directory such that the user can keep its own
    /// files there, and not touch root's. `name` is what the id is chosen by among those that are free.
    pub fn allot(&self, run_dir: &Path, name: &str) -> io::Result<u32> {
        let _lock = self.lock()?;
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let start = (hasher.finish() % u64::from(COUNT)) as u32;
        let uid = (0..COUNT).map(|n| FIRST + (start + n) % COUNT).find_map(|uid| self.claim(uid, run_dir));
        let uid = uid.unwrap_or_else(|| Err(io::Error::other("all user ids of machines are given out")))?;
        chown(run_dir, Some(0), Some(uid))?;
        std::fs::set_permissions(run_dir, std::fs::Permissions::from_mode(RUN_DIR_MODE))?;
        Ok(uid)
    }

    /// Takes back the user id of a run directory that is about to be removed. One that has none is a success.
    pub fn release(&self, run_dir: &Path) -> io::Result<()> {
        let Ok(meta) = std::fs::symlink_metadata(run_dir) else { return Ok(()) };
        if !is_ours(meta.gid()) {
            return Ok(());
        }
        let _lock = self.lock()?;
        let link = self.dir.join(meta.gid().to_string());
        match std::fs::read_link(&link) {
            Ok(place) if place == run_dir => std::fs::remove_file(&link),
            _ => Ok(()),
        }
    }

    /// Forgets ids that no run directory has any more, and with the last one the directory in which they stand.
    pub fn leave(&self) -> io::Result<()> {
        if !self.dir.exists() {
            return Ok(());
        }
        let _lock = self.lock()?;
        let mut in_use = false;
        for entry in std::fs::read_dir(&self.dir)? {
            let entry = entry?;
            let Some(uid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            match self.is_in_use(uid) {
                true => in_use = true,
                false => std::fs::remove_file(entry.path())?,
            }
        }
        if in_use {
            return Ok(());
        }
        std::fs::remove_file(self.dir.join(LOCK))?;
        std::fs::remove_dir(&self.dir)
    }

    /// Whether the run directory of an id that was given out is there and has it.
    fn is_in_use(&self, uid: u32) -> bool {
        let place = std::fs::read_link(self.dir.join(uid.to_string()));
        place.is_ok_and(|place| std::fs::symlink_metadata(place).is_ok_and(|meta| meta.gid() == uid))
    }

    /// `None` if the id is somebody else's.
    fn claim(&self, uid: u32, run_dir: &Path) -> Option<io::Result<u32>> {
        let link = self.dir.join(uid.to_string());
        loop {
            match symlink(run_dir, &link) {
                Ok(()) => return Some(Ok(uid)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Some(Err(error)),
            }
            if self.is_in_use(uid) {
                return None;
            }
            if let Err(error) = std::fs::remove_file(&link) {
                return Some(Err(error));
            }
        }
    }

    fn lock(&self) -> io::Result<File> {
        loop {
            match DirBuilder::new().mode(0o700).create(&self.dir) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            let path = self.dir.join(LOCK);
            let lock = match File::create(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other?,
            };
            flock(&lock, FlockOperation::LockExclusive)?;
            // Another installation may have removed the directory meanwhile.
            let inode = lock.metadata()?.ino();
            if std::fs::metadata(&path).is_ok_and(|meta| meta.ino() == inode) {
                return Ok(lock);
            }
        }
    }
}

/// Whether a user id is a machine's.
pub fn is_ours(uid: u32) -> bool {
    (FIRST..FIRST + COUNT).contains(&uid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Only root can give a directory to a group.
    fn is_root() -> bool {
        rustix::process::geteuid().is_root()
    }

    #[test]
    fn no_two_run_directories_have_the_same_and_a_restart_changes_nothing() {
        if !is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = |n: u32| dir.path().join(format!("i-{n}"));
        let uids = Uids::new(dir.path().join("uids"));
        let mut seen = BTreeSet::new();
        for n in 0..50 {
            std::fs::create_dir(path(n)).unwrap();
            // All by the same name, so that each but the first meets one that is taken.
            let uid = uids.allot(&path(n), "i").unwrap();
            assert!(is_ours(uid) && seen.insert(uid), "{uid} twice");
            let meta = std::fs::metadata(path(n)).unwrap();
            assert_eq!((meta.uid(), meta.gid(), meta.mode() & 0o7777), (0, uid, 0o1770));
        }
        let next_daemon = Uids::new(dir.path().join("uids"));
        std::fs::create_dir(path(50)).unwrap();
        assert!(seen.insert(next_daemon.allot(&path(50), "i").unwrap()));
    }

    #[test]
    fn what_is_given_back_or_lost_in_a_crash_is_used_anew() {
        if !is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        let uids = Uids::new(dir.path().join("uids"));
        std::fs::create_dir(&a).unwrap();
        let first = uids.allot(&a, "i").unwrap();
        uids.release(&a).unwrap();
        std::fs::remove_dir(&a).unwrap();
        std::fs::create_dir(&b).unwrap();
        assert_eq!(uids.allot(&b, "i").unwrap(), first, "given back");
        std::fs::remove_dir(&b).unwrap();
        std::fs::create_dir(&a).unwrap();
        assert_eq!(uids.allot(&a, "i").unwrap(), first, "its directory is gone");
        uids.release(dir.path()).unwrap();
        assert!(
            dir.path().join("uids").join(first.to_string()).symlink_metadata().is_ok(),
            "not its owner's"
        );
        uids.leave().unwrap();
        assert!(dir.path().join("uids").exists(), "one is in use");
        std::fs::remove_dir(&a).unwrap();
        uids.leave().unwrap();
        uids.leave().unwrap();
        assert!(!dir.path().join("uids").exists());
    }
}
