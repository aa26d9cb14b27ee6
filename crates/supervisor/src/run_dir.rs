//! The run directory of one instance: making it, and reading what a VMM left there. A VMM may be in a guest's hands,
//! so what is read is bounded and no link is followed.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use cumulet_model::{InstanceId, LaunchId};
use cumulet_ports::vm_host::VmEnd;
use cumulet_vmm_protocol::rundir::{CONTROL_SOCKET, EXIT, IDENTITY};
use cumulet_vmm_protocol::{ExitRecord, Identity};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tracing::warn;

/// The machine's specification as the VMM was given it.
const SPEC: &str = "spec.json";
/// The VMM's standard error, begun anew at each start.
const LOG: &str = "vmm.log";
/// No record that a VMM leaves is longer.
const MAX_RECORD: u64 = 64 << 10;
/// How much of the log goes into an error.
const LOG_TAIL: u64 = 2 << 10;

/// `<run>/vms/<instance>/`.
#[derive(Debug, Clone)]
pub struct RunDir {
    path: PathBuf,
}

/// What is read of a [`SPEC`], of any version.
#[derive(Deserialize)]
struct SpecIds {
    launch_id: LaunchId,
}

impl RunDir {
    /// The directory of an instance below `vms`.
    pub fn of(vms: &Path, id: &InstanceId) -> Self {
        Self { path: vms.join(id.as_str()) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The specification's path.
    pub fn spec(&self) -> PathBuf {
        self.path.join(SPEC)
    }

    /// The control socket's path.
    pub fn socket(&self) -> PathBuf {
        self.path.join(CONTROL_SOCKET)
    }

    /// Makes it anew and empty. Nobody lives there, the caller has seen to that.
    pub fn make(&self) -> io::Result<()> {
        self.remove()?;
        DirBuilder::new().mode(0o700).create(&self.path)
    }

    /// Removes it with all that is in it; none is a success.
    pub fn remove(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Makes the log.
    pub fn create_log(&self) -> io::Result<File> {
        File::options().append(true).create_new(true).mode(0o600).open(self.path.join(LOG))
    }

    /// The last lines of the log, fit for a message; empty if there is none.
    pub fn log_tail(&self) -> String {
        let tail = open_plain(&self.path.join(LOG)).and_then(|mut file| {
            let start = file.metadata()?.len().saturating_sub(LOG_TAIL);
            file.seek(SeekFrom::Start(start))?;
            let mut bytes = Vec::new();
            file.take(LOG_TAIL).read_to_end(&mut bytes)?;
            Ok(bytes)
        });
        let text = String::from_utf8_lossy(&tail.unwrap_or_default()).into_owned();
        let shown: String = text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect();
        shown.trim().replace('\n', "; ")
    }

    /// Who the VMM says it is; `None` when it didn't say yet.
    pub fn identity(&self) -> io::Result<Option<Identity>> {
        read_record(&self.path.join(IDENTITY))
    }

    /// Which start of the instance this was.
    pub fn launch_id(&self) -> io::Result<Option<LaunchId>> {
        Ok(read_record::<SpecIds>(&self.path.join(SPEC))?.map(|ids| ids.launch_id))
    }

    /// How the VMM of that launch ended, once it has.
    pub fn end(&self, launch_id: &LaunchId) -> VmEnd {
        match read_record::<ExitRecord>(&self.path.join(EXIT)) {
            Ok(Some(record)) if record.launch_id == launch_id.as_str() || record.launch_id.is_empty() => {
                VmEnd::Recorded(record.reason)
            }
            Ok(Some(record)) => {
                warn!(dir = %self.path.display(), launch = %record.launch_id, "an exit record of another launch");
                VmEnd::Silent
            }
            Ok(None) => VmEnd::Silent,
            Err(error) => {
                warn!(dir = %self.path.display(), %error, "an exit record can't be read");
                VmEnd::Silent
            }
        }
    }
}

/// Opens a regular file and nothing that a link leads to.
pub fn open_plain(path: &Path) -> io::Result<File> {
    let file = File::options().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidData.into()) }
}

fn read_record<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    let file = match open_plain(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(MAX_RECORD).read_to_end(&mut bytes)?;
    serde_json::from_slice(&bytes).map(Some).map_err(io::Error::from)
}
