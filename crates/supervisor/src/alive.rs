//! The lock that tells whether a VMM lives. States of a run directory: free, nobody lives there; held, the process
//! that started a VMM or the VMM itself lives.
//!
//! The lock is an flock on an open file: the supervisor takes it, the VMM inherits the open file, the supervisor closes
//! its own. It ends when the last process that has the file open is gone, whatever it died of.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use cumulet_vmm_protocol::rundir::LOCK;
use rustix::fs::{FlockOperation, OFlags};
use rustix::io::Errno;

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
    Ok(is_file_held(&dir.join(ALIVE))? || is_file_held(&dir.join(LOCK))?)
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

/// The other processes that have a lock of a run directory open, found by walking `/proc`: for a VMM that lives and
/// doesn't say who it is.
pub fn holders(dir: &Path) -> io::Result<Vec<u32>> {
    let locks: Vec<(u64, u64)> = [ALIVE, LOCK].iter().filter_map(|name| inode(&dir.join(name))).collect();
    let mut pids = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        if pid != std::process::id() && holds(pid, &locks) {
            pids.push(pid);
        }
    }
    Ok(pids)
}

/// Whether a process has a lock of the run directory open at this moment.
pub fn is_holder(pid: u32, dir: &Path) -> bool {
    let locks: Vec<(u64, u64)> = [ALIVE, LOCK].iter().filter_map(|name| inode(&dir.join(name))).collect();
    holds(pid, &locks)
}

/// A process that went away meanwhile holds nothing.
fn holds(pid: u32, locks: &[(u64, u64)]) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    descriptors.flatten().any(|entry| inode(&entry.path()).is_some_and(|open| locks.contains(&open)))
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
}
