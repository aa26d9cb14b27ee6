//! Reading a log while it is written: its last records, then each that comes. A reader holds its place by file and offset,
//! so that a slow one costs nothing but its place; files that went before they were read are told as a gap.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cumulet_ports::network::FlowLogLine;
use tokio::sync::{mpsc, watch};

use super::log::{Log, files};

/// So many lines wait for a slow reader.
const WAITING: usize = 256;

/// The last `last` records, and if `follow` each that comes, for as long as the log is kept.
pub fn read(log: &Arc<Log>, last: usize, follow: bool) -> mpsc::Receiver<FlowLogLine> {
    let (lines, received) = mpsc::channel(WAITING);
    let (dir, written) = (log.dir(), log.written());
    tokio::spawn(async move {
        let told = async {
            let (found, place) = last_lines(dir.clone(), last).await?;
            let all_taken = give(&lines, found.into_iter().map(FlowLogLine::Record)).await;
            if follow && all_taken { go_on(dir, place, written, &lines).await } else { Ok(()) }
        };
        if let Err(error) = told.await {
            let _ = lines.send(FlowLogLine::Failed(error.to_string())).await;
        }
    });
    received
}

/// Gives each line that comes, until nobody takes them or the log is no more.
async fn go_on(
    dir: PathBuf,
    mut place: Place,
    mut written: watch::Receiver<u64>,
    lines: &mpsc::Sender<FlowLogLine>,
) -> io::Result<()> {
    loop {
        let (found, reached) = next_lines(dir.clone(), place).await?;
        place = reached;
        let nothing = found.is_empty();
        if !give(lines, found).await {
            return Ok(());
        }
        if nothing {
            tokio::select! {
                () = lines.closed() => return Ok(()),
                told = written.changed() => if told.is_err() { return Ok(()) },
            }
        }
    }
}

/// `false` if nobody takes them.
async fn give(lines: &mpsc::Sender<FlowLogLine>, found: impl IntoIterator<Item = FlowLogLine>) -> bool {
    for line in found {
        if lines.send(line).await.is_err() {
            return false;
        }
    }
    true
}

/// How far a reader has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Place {
    file: Option<PathBuf>,
    offset: u64,
}

async fn last_lines(dir: PathBuf, last: usize) -> io::Result<(VecDeque<String>, Place)> {
    blocking(move || {
        let mut all = files(&dir)?;
        let mut place = Place::default();
        let mut found: VecDeque<String> = VecDeque::new();
        while let Some(path) = all.pop() {
            let room = last - found.len();
            let mut of_file = VecDeque::new();
            let end = each_line(&path, 0, |line| {
                of_file.push_back(line);
                if of_file.len() > room {
                    of_file.pop_front();
                }
                true
            })?;
            if place.file.is_none() {
                place = Place { file: Some(path), offset: end };
            }
            of_file.append(&mut found);
            found = of_file;
            if found.len() >= last {
                break;
            }
        }
        Ok((found, place))
    })
    .await
}

/// Some of the lines behind a place, and the place behind those; none if there are none.
async fn next_lines(dir: PathBuf, mut place: Place) -> io::Result<(Vec<FlowLogLine>, Place)> {
    blocking(move || {
        let all = files(&dir)?;
        let mut found = Vec::new();
        if place.file.as_ref().is_some_and(|file| !all.contains(file)) {
            found.push(FlowLogLine::Gap);
        }
        let is_ahead = |path: &PathBuf| place.file.as_ref().is_none_or(|file| path >= file);
        for path in all.into_iter().filter(is_ahead).collect::<Vec<_>>() {
            let offset = if place.file.as_ref() == Some(&path) { place.offset } else { 0 };
            let offset = each_line(&path, offset, |line| {
                found.push(FlowLogLine::Record(line));
                found.len() < WAITING
            })?;
            place = Place { file: Some(path), offset };
            if found.len() >= WAITING {
                break;
            }
        }
        Ok((found, place))
    })
    .await
}

/// Gives the complete lines of a file from an offset on, without the header, until one is not wanted. Gives the offset
/// behind them.
fn each_line(path: &Path, from: u64, mut each: impl FnMut(String) -> bool) -> io::Result<u64> {
    let mut file = match File::open(path) {
        // It may go at any time.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(from),
        file => file?,
    };
    file.seek(SeekFrom::Start(from))?;
    let (mut reader, mut offset) = (BufReader::new(file), from);
    loop {
        let mut line = String::new();
        let length = reader.read_line(&mut line)? as u64;
        if !line.ends_with('\n') {
            return Ok(offset);
        }
        let is_header = offset == 0;
        offset += length;
        line.pop();
        if !is_header && !each(line) {
            return Ok(offset);
        }
    }
}

async fn blocking<T: Send + 'static>(job: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(job).await.map_err(io::Error::other)?
}
