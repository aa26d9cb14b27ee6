//! The serial console of a machine, read from its VMM's standard output.

use crate::error::{BenchError, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::Read;
use std::process::ChildStdout;
use std::time::{Duration, Instant};

/// How long anything may take, also on a host that emulates its processor.
pub const LIMIT: Duration = Duration::from_secs(120);
/// What a guest may write without a line's end.
const MOST_KEPT: usize = 1 << 20;

/// The output, as far as it was not asked for.
#[derive(Debug)]
pub struct Console {
    output: ChildStdout,
    seen: Vec<u8>,
}

impl Console {
    /// Of a VMM.
    pub fn new(output: ChildStdout) -> Self {
        Self { output, seen: Vec::new() }
    }

    /// Waits until the guest writes `marker`, and gives what follows it on its line. The line must not be complete for
    /// an empty rest: see [`Console::wait_for`].
    pub fn line_after(&mut self, marker: &str, limit: Duration) -> Result<String> {
        self.wait_for(marker, limit)?;
        let end = self.until(limit, |seen| seen.iter().position(|byte| *byte == b'\n'))?;
        let line = String::from_utf8_lossy(&self.seen[..end]).trim().to_owned();
        self.seen.drain(..=end);
        Ok(line)
    }

    /// Waits until the guest writes `marker`.
    pub fn wait_for(&mut self, marker: &str, limit: Duration) -> Result<()> {
        let wanted = marker.as_bytes();
        let find = |seen: &[u8]| seen.windows(wanted.len()).position(|part| part == wanted);
        match self.until(limit, find) {
            Ok(at) => {
                self.seen.drain(..at + wanted.len());
                Ok(())
            }
            Err(BenchError::Machine(how)) => {
                let tail = &self.seen[self.seen.len().saturating_sub(120)..];
                let tail = String::from_utf8_lossy(tail).trim().replace(['\r', '\n'], " | ");
                Err(BenchError::Machine(format!("{how} before {marker}; its console: {tail:?}")))
            }
            Err(other) => Err(other),
        }
    }

    fn until(&mut self, limit: Duration, find: impl Fn(&[u8]) -> Option<usize>) -> Result<usize> {
        let began = Instant::now();
        loop {
            if let Some(at) = find(&self.seen) {
                return Ok(at);
            }
            let left = limit.saturating_sub(began.elapsed());
            if left.is_zero() || !self.is_readable(left)? {
                return Err(BenchError::Machine(format!("nothing for {} s", limit.as_secs())));
            }
            let mut buffer = [0; 4096];
            let count = self.output.read(&mut buffer).map_err(BenchError::io("read a console"))?;
            if count == 0 || self.seen.len() > MOST_KEPT {
                return Err(BenchError::Machine("the VMM ended".to_owned()));
            }
            self.seen.extend_from_slice(&buffer[..count]);
        }
    }

    fn is_readable(&self, limit: Duration) -> Result<bool> {
        let limit = Timespec::try_from(limit).unwrap_or(Timespec { tv_sec: 60, tv_nsec: 0 });
        let mut ask = [PollFd::new(&self.output, PollFlags::IN)];
        let count = poll(&mut ask, Some(&limit));
        count.map(|count| count > 0).map_err(|errno| BenchError::io("wait for a console")(errno.into()))
    }
}
