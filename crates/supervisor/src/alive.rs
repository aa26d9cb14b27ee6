//! The lock that tells whether a VMM lives. States of a run directory: free, nobody lives there; held, the process
//! that started a VMM or the VMM itself lives.
//!
//! The lock is an flock on an open file: the supervisor takes it, the VMM inherits the open file, the supervisor closes
//! its own. It ends when the last process that has the file open is gone, whatever it died of.
//!
//! A VMM in a guest's hands may let go of its locks and go on. Of a jailed one the jailer has left a record that the VMM
//! can't change, so it lives as long as that process does. What else is in the directory is the VMM's: nothing that a
//! link there leads to is taken for a lock.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use cumulet_jailer::record::ProcessRecord;
use cumulet_vmm_protocol::rundir::LOCK;
use rustix::fs::{FlockOperation, OFlags};
use rustix::io::Errno;

use crate::process::{self, boot_id};

/// The supervisor's lock in a run directory.
const ALIVE: &str = "alive";

/// Takes the lock of a new run directory.
pub fn take(dir: &Path) -> io::Result<OwnedFd> {
    let file = File::options().write(true).create_new(true).open(dir.join(ALIVE))?;
    rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    Ok(file.into())
}

/// Whether a VMM lives in a run directory. The VMM's own lock is only tried when ours is free, that is when no VMM can
/// be about to take it.
pub fn is_held(dir: &Path) -> io::Result<bool> {
    Ok(is_file_held(&dir.join(ALIVE))?
        || jailed_process(dir)?.is_some()
        // A stranger's lock is none, and what is not a plain file can't be one.
        || is_plain(&dir.join(LOCK)) && is_file_held(&dir.join(LOCK))?)
}

/// The jailed process of a run directory, as its jailer recorded it, while it lives.
pub fn jailed_process(dir: &Path) -> io::Result<Option<ProcessRecord>> {
    let Some(record) = ProcessRecord::read(dir)? else { return Ok(None) };
    let lives = record.boot_id == boot_id()? && process::lives(record.pid, record.pid_start_time)?;
    Ok(lives.then_some(record))
}

fn is_file_held(path: &Path) -> io::Result<bool> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = match rustix::fs::open(path, flags, rustix::fs::Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(false),
        Err(errno) => return Err(errno.into()),
    };
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(false),
        Err(Errno::WOULDBLOCK) => Ok(true),
        Err(errno) => Err(errno.into()),
    }
}

/// The other processes that have a lock of a run directory open, found by walking `/proc`, and the jailed one: for a VMM that lives and
/// doesn't say who it is.
pub fn holders(dir: &Path) -> io::Result<Vec<u32>> {
    let locks = lock_inodes(dir);
    let jailed = jailed_process(dir)?.map(|record| record.pid);
    let mut pids = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        if pid != std::process::id() && (Some(pid) == jailed || holds(pid, &locks)) {
            pids.push(pid);
        }
    }
    Ok(pids)
}

/// Whether a process has a lock of the run directory open at this moment, or is the one jailed there.
pub fn is_holder(pid: u32, dir: &Path) -> bool {
    jailed_process(dir).is_ok_and(|record| record.is_some_and(|record| record.pid == pid))
        || holds(pid, &lock_inodes(dir))
}

/// A process that went away meanwhile holds nothing.
fn holds(pid: u32, locks: &[(u64, u64)]) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    descriptors.flatten().any(|entry| inode(&entry.path()).is_some_and(|open| locks.contains(&open)))
}

/// Of a lock: where a link leads is somebody else's file, and so are the processes that have that open.
fn lock_inodes(dir: &Path) -> Vec<(u64, u64)> {
    let plain = [ALIVE, LOCK].map(|name| dir.join(name)).into_iter().filter(|path| is_plain(path));
    plain.filter_map(|path| inode(&path)).collect()
}

fn is_plain(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file())
}

fn inode(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn the_lock_lives_as_long_as_the_child_that_inherited_it() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!is_held(dir.path()).unwrap());
        let lock = take(dir.path()).unwrap();
        assert!(is_held(dir.path()).unwrap());
        let mut command = Command::new("sleep");
        command.arg("1000").stdin(Stdio::null());
        let mut child = crate::sys::spawn_detached(&mut command, std::slice::from_ref(&lock)).unwrap();
        drop(lock);
        assert!(is_held(dir.path()).unwrap());
        assert_eq!(holders(dir.path()).unwrap(), [child.id()]);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!is_held(dir.path()).unwrap());
        assert!(holders(dir.path()).unwrap().is_empty());
    }

    #[test]
    fn a_lock_that_is_a_link_makes_nobody_a_holder() {
        let dir = tempfile::tempdir().unwrap();
        let bystander = tempfile::NamedTempFile::new().unwrap();
        let mut sleep = Command::new("sleep");
        let mut child = sleep.arg("1000").stdin(bystander.reopen().unwrap()).spawn().unwrap();
        rustix::fs::flock(bystander.as_file(), FlockOperation::LockExclusive).unwrap();
        std::os::unix::fs::symlink(bystander.path(), dir.path().join(LOCK)).unwrap();
        let found =
            (holders(dir.path()).unwrap(), is_holder(child.id(), dir.path()), is_held(dir.path()).unwrap());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(found, (Vec::new(), false, false));
    }

    #[test]
    fn a_jailed_process_lives_also_without_its_locks() {
        let dir = tempfile::tempdir().unwrap();
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        let mut record = ProcessRecord::of_self(1, &[]).unwrap();
        record.pid = child.id();
        record.pid_start_time = process::start_time_of(child.id()).unwrap().unwrap();
        record.write(dir.path()).unwrap();
        assert!(is_held(dir.path()).unwrap());
        assert_eq!(holders(dir.path()).unwrap(), [child.id()]);
        child.kill().unwrap();
        while is_held(dir.path()).unwrap() {
            std::thread::yield_now();
        }
        assert!(holders(dir.path()).unwrap().is_empty(), "dead, and not even reaped");
        child.wait().unwrap();
    }
}
