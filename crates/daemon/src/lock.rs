//! The lock of a state directory: one daemon at a time.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, bail};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// Held while a daemon lives; the kernel lets go of it whatever the daemon dies of.
#[derive(Debug)]
pub struct StateLock(#[expect(dead_code, reason = "held, not read")] File);

/// Takes the lock.
pub fn take(state_dir: &Path) -> anyhow::Result<StateLock> {
    let path = state_dir.join("lock");
    let file = File::create(&path).with_context(|| format!("can't open {}", path.display()))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(StateLock(file)),
        Err(Errno::WOULDBLOCK) => {
            bail!("another cumuletd uses the state directory {}", state_dir.display())
        }
        Err(error) => Err(error).with_context(|| format!("can't lock {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_second_daemon_is_refused_until_the_first_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let first = super::take(dir.path()).unwrap();
        assert!(super::take(dir.path()).unwrap_err().to_string().contains("another cumuletd"));
        drop(first);
        super::take(dir.path()).unwrap();
    }
}
