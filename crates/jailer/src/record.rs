//! The record that the jailer leaves in the run directory before the VMM begins: which process of the host it is. The
//! file is root's in a directory of root's, so the VMM can neither change it nor put another in its place; the
//! supervisor believes it, where it only compares what the VMM says of itself.

use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Name of the file.
pub const FILE: &str = "process.json";
/// No record is longer.
const MAX_LEN: u64 = 16 << 10;

/// A jailed process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessRecord {
    /// Process id on the host.
    pub pid: u32,
    /// Start time in clock ticks since the host's boot (proc_pid_stat(5), field 22).
    pub pid_start_time: u64,
    /// The host's boot.
    pub boot_id: String,
    /// User and group id.
    pub uid: u32,
    /// Directories of its control groups.
    pub cgroups: Vec<PathBuf>,
}

impl ProcessRecord {
    /// This process, as the host knows it. `/proc` must be the host's, also for a process that has moved to a process
    /// id namespace of its own.
    pub fn of_self(uid: u32, cgroups: &[PathBuf]) -> io::Result<Self> {
        let bad = || io::Error::new(io::ErrorKind::InvalidData, "/proc does not tell who this process is");
        let link = std::fs::read_link("/proc/self")?;
        let stat = std::fs::read_to_string("/proc/self/stat")?;
        Ok(Self {
            pid: link.to_str().and_then(|name| name.parse().ok()).ok_or_else(bad)?,
            pid_start_time: start_time(&stat).ok_or_else(bad)?,
            boot_id: std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned(),
            uid,
            cgroups: cgroups.to_vec(),
        })
    }

    /// Leaves the record in a run directory that has none.
    pub fn write(&self, run_dir: &Path) -> io::Result<()> {
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(run_dir.join(FILE))?;
        file.write_all(&serde_json::to_vec_pretty(self)?)
    }

    /// Reads the record of a run directory, if there is one.
    pub fn read(run_dir: &Path) -> io::Result<Option<Self>> {
        let opened = File::options().read(true).custom_flags(libc::O_NOFOLLOW).open(run_dir.join(FILE));
        let file = match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let mut bytes = Vec::new();
        file.take(MAX_LEN).read_to_end(&mut bytes)?;
        // A host that lost power, or a jailer killed while it wrote, leaves less than a record: as good as none.
        Ok(serde_json::from_slice(&bytes).ok())
    }
}

/// The name in parentheses may hold anything; the fields after the last one are numbers, the first of them field 3.
fn start_time(stat: &str) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(22 - 3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written_and_written_once() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(ProcessRecord::read(dir.path()).unwrap(), None);
        let record = ProcessRecord::of_self(7, &["/a/b".into()]).unwrap();
        assert_eq!(record.pid, std::process::id());
        assert!(record.pid_start_time > 0);
        record.write(dir.path()).unwrap();
        assert_eq!(ProcessRecord::read(dir.path()).unwrap(), Some(record.clone()));
        record.write(dir.path()).unwrap_err();
    }
}
