//! The files of all flow logs: a directory for each, and what became of its records.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use cumulet_model::FlowLogId;
use cumulet_ports::network::NetworkSpec;
use tracing::{info, warn};

use super::log::Log;

/// How often files are looked over for those that have had their time.
const PRUNE_EVERY: Duration = Duration::from_secs(3600);

/// Where flow logs are kept, and how much of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveConfig {
    /// The directory that has one of its own for each log.
    pub dir: PathBuf,
    /// A file that has so many bytes is followed by another.
    pub file_bytes: u64,
    /// So is one that is so old.
    pub file_age: Duration,
    /// All files of a log have so many bytes at most; the oldest go first.
    pub log_bytes: u64,
    /// Files that were written to so long ago go, those of deleted logs too.
    pub keep: Duration,
}

impl ArchiveConfig {
    /// The usual bounds: files of 16 MiB and an hour, 256 MiB of a log, for a week.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            file_bytes: 16 << 20,
            file_age: Duration::from_secs(3600),
            log_bytes: 256 << 20,
            keep: Duration::from_secs(7 * 86_400),
        }
    }
}

/// The files.
#[derive(Debug)]
pub struct Archive {
    config: ArchiveConfig,
    logs: Mutex<BTreeMap<FlowLogId, Arc<Log>>>,
    pruned: Mutex<Option<Instant>>,
}

impl Archive {
    /// The archive in a directory, which need not be there.
    pub fn new(config: ArchiveConfig) -> Self {
        Self { config, logs: Mutex::default(), pruned: Mutex::default() }
    }

    /// How it is configured.
    pub fn config(&self) -> &ArchiveConfig {
        &self.config
    }

    /// The log of that id, if it is kept.
    pub fn log(&self, id: &FlowLogId) -> Option<Arc<Log>> {
        self.held().get(id).cloned()
    }

    /// The log of that id, which is kept from now on. `header` is its files' first line.
    pub fn keep(&self, id: &FlowLogId, header: &str) -> Arc<Log> {
        let mut logs = self.held();
        let new = || Arc::new(Log::new(id.clone(), header.to_owned(), self.config.clone()));
        Arc::clone(logs.entry(id.clone()).or_insert_with(new))
    }

    /// Keeps no other logs than those that are wanted; files of others stay for their time. Removes files that have had
    /// theirs, now and then.
    pub fn tend(&self, desired: &NetworkSpec) {
        let wanted: BTreeSet<&FlowLogId> =
            desired.vpcs.iter().flat_map(|vpc| &vpc.flow_logs).map(|log| &log.id).collect();
        self.held().retain(|id, _| wanted.contains(id));
        let mut pruned = self.pruned.lock().unwrap_or_else(PoisonError::into_inner);
        if pruned.is_none_or(|pruned| pruned.elapsed() > PRUNE_EVERY) {
            *pruned = Some(Instant::now());
            drop(pruned);
            self.prune();
        }
    }

    /// Removes files that have had their time.
    pub fn prune(&self) {
        let logs: Vec<_> = self.held().values().cloned().collect();
        for log in logs {
            log.prune();
        }
        if let Err(error) = self.prune_deleted() {
            warn!(%error, dir = %self.config.dir.display(), "old files of flow logs could not be removed");
        }
    }

    fn prune_deleted(&self) -> io::Result<()> {
        let entries = match fs::read_dir(&self.config.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let id = entry.file_name().into_string().ok().and_then(|name| name.parse::<FlowLogId>().ok());
            let Some(id) = id.filter(|id| self.log(id).is_none()) else { continue };
            let newest = fs::read_dir(entry.path())?
                .filter_map(|file| file.ok()?.metadata().ok()?.modified().ok())
                .max()
                .map_or_else(|| entry.metadata()?.modified(), Ok)?;
            if SystemTime::now().duration_since(newest).is_ok_and(|age| age > self.config.keep) {
                fs::remove_dir_all(entry.path())?;
                info!(log = %id, "the files of a deleted flow log have had their time");
            }
        }
        Ok(())
    }

    fn held(&self) -> std::sync::MutexGuard<'_, BTreeMap<FlowLogId, Arc<Log>>> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
