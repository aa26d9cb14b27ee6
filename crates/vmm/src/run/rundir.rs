//! The run directory. It becomes the working directory, so its files are reached without a path, also in a jail. Its
//! lock says that a VMM lives, and is held until the process is gone.

use cumulet_vmm_protocol::Source;
use cumulet_vmm_protocol::rundir::{EXIT, IDENTITY, LOCK};
use rustix::fs::{FlockOperation, Mode, OFlags};
use serde::Serialize;
use std::fs::{File, OpenOptions, remove_file, rename};
use std::io::{self, Write};

/// Why a run directory can't be taken.
#[derive(Debug, thiserror::Error)]
pub enum RunDirError {
    /// It can't be entered.
    #[error("the run directory can't be entered")]
    Enter(#[source] io::Error),
    /// Another VMM holds it. Nothing in it may be touched.
    #[error("another VMM holds the lock of this run directory")]
    Held,
    /// The lock file.
    #[error("the lock can't be taken")]
    Lock(#[source] io::Error),
    /// What an earlier VMM left.
    #[error("the record of an earlier run can't be removed")]
    Clear(#[source] io::Error),
}

/// The taken directory.
#[derive(Debug)]
pub struct RunDir {
    _lock: File,
}

impl RunDir {
    /// Takes the directory and removes the records of an earlier run.
    pub fn take(place: &Source) -> Result<Self, RunDirError> {
        enter(place).map_err(RunDirError::Enter)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(LOCK)
            .map_err(RunDirError::Lock)?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|error| match error {
            rustix::io::Errno::WOULDBLOCK => RunDirError::Held,
            error => RunDirError::Lock(error.into()),
        })?;
        for name in [EXIT, IDENTITY] {
            match remove_file(name) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(RunDirError::Clear(error));
                }
                _ => {}
            }
        }
        Ok(Self { _lock: lock })
    }
}

fn enter(place: &Source) -> io::Result<()> {
    let directory = match place {
        Source::Path(path) => File::from(rustix::fs::open(
            path,
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )?),
        Source::Fd(fd) => File::from(crate::source::take(*fd)?),
    };
    Ok(rustix::process::fchdir(&directory)?)
}

/// Whether a record has to outlive the host's next power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durable {
    /// It is on the disk before it is in place.
    Yes,
    /// It means nothing after the host's next boot.
    No,
}

/// Puts a record in place: written, then renamed, so that a reader sees all of it or nothing.
pub fn write_record(name: &str, record: &impl Serialize, durable: Durable) -> io::Result<()> {
    let temporary = format!("{name}.new");
    let mut file = File::create(&temporary)?;
    let mut text = serde_json::to_vec_pretty(record)?;
    text.push(b'\n');
    file.write_all(&text)?;
    if durable == Durable::Yes {
        file.sync_all()?;
    }
    rename(&temporary, name)
}
