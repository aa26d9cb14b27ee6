//! The files of one flow log: plain text, one record a line, under a line with the fields' names. They are complete lines
//! at any time, but for the last line after a crash, which is cut off when the log is opened again.
//!
//! Beside them is `counts`: how many records were written, and what was not recorded.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use cumulet_model::FlowLogId;
use cumulet_ports::network::FlowLogStatus;
use jiff::Timestamp;
use tokio::sync::watch;
use tracing::warn;

use super::archive::ArchiveConfig;

/// What the files' names end with.
const ENDING: &str = ".log";
const COUNTS: &str = "counts";

/// A log's files.
#[derive(Debug)]
pub struct Log {
    id: FlowLogId,
    header: String,
    config: ArchiveConfig,
    state: Mutex<State>,
    written: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    current: Option<Current>,
    counts: Option<Counts>,
    failure: Option<String>,
}

/// The file that is written to.
#[derive(Debug)]
struct Current {
    file: File,
    size: u64,
    since: SystemTime,
}

/// What became of the traffic that a log is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Records that were written.
    pub records: u64,
    /// Packets for whose flows there was no room in their interval.
    pub skipped_packets: u64,
    /// Messages of the kernel that came too fast: ended connections and refused packets.
    pub lost_messages: u64,
    /// Records that could not be written.
    pub lost_records: u64,
    /// Intervals that a daemon's end cut off.
    pub cut_off: u64,
}

impl Log {
    /// The log's files in its directory, which need not be there.
    pub(super) fn new(id: FlowLogId, header: String, config: ArchiveConfig) -> Self {
        Self { id, header, config, state: Mutex::default(), written: watch::Sender::new(0) }
    }

    /// The log's directory.
    pub fn dir(&self) -> PathBuf {
        self.config.dir.join(self.id.as_str())
    }

    /// Tells when records were written.
    pub fn written(&self) -> watch::Receiver<u64> {
        self.written.subscribe()
    }

    /// What became of the traffic, and why records can't be written if they can't.
    pub fn counts(&self) -> (Counts, Option<String>) {
        let mut state = self.state();
        (self.known_counts(&mut state), state.failure.clone())
    }

    /// The same as the port tells it.
    pub fn status(&self) -> FlowLogStatus {
        let (counts, failure) = self.counts();
        FlowLogStatus {
            records: counts.records,
            skipped_packets: counts.skipped_packets,
            lost_messages: counts.lost_messages,
            lost_records: counts.lost_records,
            cut_off: counts.cut_off,
            failure,
            dir: self.dir(),
        }
    }

    /// Writes records, each a line with its end, and notes what was not recorded.
    pub fn append(&self, records: &str, unrecorded: Counts) {
        let mut state = self.state();
        let mut counts = self.known_counts(&mut state);
        let mut written = 0;
        let done = pieces(records, self.config.file_bytes).try_for_each(|piece| {
            self.write(&mut state, piece)?;
            written += lines(piece);
            io::Result::Ok(())
        });
        counts.records += written;
        counts.lost_records += lines(records) - written;
        counts.skipped_packets += unrecorded.skipped_packets;
        counts.lost_messages += unrecorded.lost_messages;
        counts.cut_off += unrecorded.cut_off;
        state.counts = Some(counts);
        let done = done.and_then(|()| write_counts(&self.dir(), counts));
        if let Err(error) = &done {
            warn!(log = %self.id, %error, "records of a flow log could not be written");
        }
        state.failure = done.err().map(|error| error.to_string());
        drop(state);
        self.written.send_modify(|count| *count += 1);
    }

    /// Removes the oldest files beyond what is to be kept.
    pub fn prune(&self) {
        let _state = self.state();
        if let Err(error) = self.remove_old() {
            warn!(log = %self.id, %error, "old files of a flow log could not be removed");
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known_counts(&self, state: &mut State) -> Counts {
        *state.counts.get_or_insert_with(|| read_counts(&self.dir()).unwrap_or_default())
    }

    fn write(&self, state: &mut State, piece: &str) -> io::Result<()> {
        let current = state.current.take().map_or_else(|| self.go_on(), |current| Ok(Some(current)))?;
        let fits = |current: &Current| {
            let young = current.since.elapsed().is_ok_and(|age| age < self.config.file_age);
            young && current.size + piece.len() as u64 <= self.config.file_bytes
        };
        let mut current = match current.filter(fits) {
            Some(current) => current,
            None => {
                let begun = self.begin()?;
                self.remove_old()?;
                begun
            }
        };
        if let Err(error) = current.file.write_all(piece.as_bytes()) {
            // A full disk takes a part; readers shall see whole lines.
            let _ = current.file.set_len(current.size);
            return Err(error);
        }
        current.size += piece.len() as u64;
        state.current = Some(current);
        Ok(())
    }

    /// The newest file as it was left, if it is of this form, without a line that was cut off.
    fn go_on(&self) -> io::Result<Option<Current>> {
        let Some(path) = files(&self.dir())?.pop() else { return Ok(None) };
        let mut file = OpenOptions::new().read(true).write(true).open(&path)?;
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        let size = content.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at as u64 + 1);
        file.set_len(size)?;
        file.seek(SeekFrom::End(0))?;
        let is_ours = content.starts_with(format!("{}\n", self.header).as_bytes());
        let since = begun_at(&path).unwrap_or(SystemTime::UNIX_EPOCH);
        Ok(is_ours.then_some(Current { file, size, since }))
    }

    fn begin(&self) -> io::Result<Current> {
        let dir = self.dir();
        fs::create_dir_all(&dir)?;
        let since = SystemTime::now();
        let time = Timestamp::try_from(since).map_err(io::Error::other)?.strftime("%Y%m%dT%H%M%S%3fZ");
        let mut path = dir.join(format!("{}_{time}{ENDING}", self.id));
        // A clock that was set back must not bring the files out of their order.
        if let Some(last) = files(&dir)?.pop().filter(|last| *last >= path) {
            let stem = last.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            path = dir.join(format!("{stem}_{ENDING}"));
        }
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        let header = format!("{}\n", self.header);
        file.write_all(header.as_bytes())?;
        Ok(Current { file, size: header.len() as u64, since })
    }

    /// The newest file stays, and there is room for it to grow to its bound.
    fn remove_old(&self) -> io::Result<()> {
        let mut files = files(&self.dir())?;
        files.pop();
        let mut kept = self.config.file_bytes;
        for path in files.into_iter().rev() {
            let metadata = path.metadata()?;
            kept += metadata.len();
            let old = metadata.modified()?.elapsed().is_ok_and(|age| age > self.config.keep);
            if old || kept > self.config.log_bytes {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }
}

/// A log's files, oldest first.
pub(super) fn files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        entries => entries?,
    };
    let paths = entries.map(|entry| Ok(entry?.path()));
    let mut files = paths.collect::<io::Result<Vec<PathBuf>>>()?;
    files.retain(|path| path.to_str().is_some_and(|path| path.ends_with(ENDING)));
    files.sort();
    Ok(files)
}

/// When a file was begun, by its name.
fn begun_at(path: &Path) -> Option<SystemTime> {
    let stem = path.file_stem()?.to_str()?;
    let time = stem.split('_').nth(1)?.get(..15)?;
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%S", time).ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().into())
}

fn lines(text: &str) -> u64 {
    text.bytes().filter(|byte| *byte == b'\n').count() as u64
}

/// Cuts text into pieces of whole lines that are no longer than they must be.
fn pieces(text: &str, longest: u64) -> impl Iterator<Item = &str> {
    let longest = usize::try_from(longest / 2).unwrap_or(usize::MAX).max(1);
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let bytes = rest.as_bytes();
        let within = bytes[..longest.min(bytes.len())].iter().rposition(|byte| *byte == b'\n');
        let end =
            within.or_else(|| bytes.iter().position(|byte| *byte == b'\n')).map_or(rest.len(), |at| at + 1);
        let (piece, left) = rest.split_at(end);
        rest = left;
        Some(piece)
    })
}

fn write_counts(dir: &Path, counts: Counts) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let Counts { records, skipped_packets, lost_messages, lost_records, cut_off } = counts;
    let text = format!(
        "records {records}\nskipped_packets {skipped_packets}\nlost_messages {lost_messages}\n\
         lost_records {lost_records}\ncut_off {cut_off}\n"
    );
    let (draft, path) = (dir.join("counts.new"), dir.join(COUNTS));
    fs::write(&draft, text)?;
    fs::rename(draft, path)
}

fn read_counts(dir: &Path) -> Option<Counts> {
    let text = fs::read_to_string(dir.join(COUNTS)).ok()?;
    let of = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|number| number.parse().ok()).unwrap_or(0)
    };
    Some(Counts {
        records: of("records"),
        skipped_packets: of("skipped_packets"),
        lost_messages: of("lost_messages"),
        lost_records: of("lost_records"),
        cut_off: of("cut_off"),
    })
}

/// A file that says since when traffic of a log is not recorded yet, so that what a daemon's end cut off is noticed.
#[derive(Debug)]
pub struct OpenMark(PathBuf);

impl OpenMark {
    /// The mark of a log.
    pub fn of(log: &Log) -> Self {
        Self(log.dir().join("open"))
    }

    /// What it says, if it is there: seconds since the Unix epoch.
    pub fn get(&self) -> Option<i64> {
        fs::read_to_string(&self.0).ok()?.trim().parse().ok()
    }

    /// Sets it.
    pub fn set(&self, from: i64) -> io::Result<()> {
        if let Some(dir) = self.0.parent() {
            fs::create_dir_all(dir)?;
        }
        fs::write(&self.0, format!("{from}\n"))
    }

    /// Takes it away, with the log.
    pub fn clear(&self) {
        let _ = fs::remove_file(&self.0);
    }
}
