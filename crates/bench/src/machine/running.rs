//! A machine's process.

use super::console::Console;
use super::{Prepared, cumulet};
use crate::error::{BenchError, Result};
use crate::host::{memory::VmmMemory, sys};
use rustix::io::{FdFlags, fcntl_setfd};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::time::{Duration, Instant};

/// A VMM that was started. It is killed when dropped.
#[derive(Debug)]
pub struct Running {
    /// When its process began.
    pub began: Instant,
    /// Its directory.
    pub dir: PathBuf,
    child: Child,
    input: ChildStdin,
    console: Console,
    cell: Option<cumulet::Cell>,
}

impl Running {
    pub(super) fn spawn(mut prepared: Prepared, dir: &Path, input: &str) -> Result<Self> {
        let log = File::create(dir.join("stderr")).map_err(BenchError::io("make a VMM's log"))?;
        let command = &mut prepared.command;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        for descriptor in &prepared.inherited {
            fcntl_setfd(descriptor, FdFlags::empty())
                .map_err(|errno| BenchError::io("pass a descriptor on")(errno.into()))?;
        }
        let began = Instant::now();
        let child = if prepared.first { sys::spawn_first(command) } else { command.spawn() };
        let mut child = child.map_err(BenchError::io("start a VMM"))?;
        drop(prepared.inherited);
        let (Some(mut typed), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(BenchError::Machine("a VMM without a console".to_owned()));
        };
        // A pipe holds a line.
        typed.write_all(input.as_bytes()).map_err(BenchError::io("type into a console"))?;
        let console = Console::new(output);
        Ok(Self { began, dir: dir.to_owned(), child, input: typed, console, cell: prepared.cell })
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Types a line into the console.
    pub fn type_in(&mut self, line: &str) -> Result<()> {
        let typed = self.input.write_all(format!("{line}\n").as_bytes());
        typed.map_err(BenchError::io("type into a console"))
    }

    /// Waits until the guest writes `marker`; gives the milliseconds since the process began.
    pub fn wait_for(&mut self, marker: &str, limit: Duration) -> Result<f64> {
        let seen = self.console.wait_for(marker, limit).map_err(|error| self.why(error));
        seen.map(|()| super::ms_since(self.began))
    }

    /// Types a line and waits for the answer: what follows `RESULT ` on a line.
    pub fn ask(&mut self, line: &str, limit: Duration) -> Result<String> {
        self.type_in(line)?;
        self.console.line_after("RESULT ", limit).map_err(|error| self.why(error))
    }

    /// What memory it has, of which the guest can have so much.
    pub fn memory(&self, guest_mib: u64) -> Result<VmmMemory> {
        VmmMemory::of(self.pid(), guest_mib)
    }

    /// The error with what the VMM said last.
    fn why(&self, error: BenchError) -> BenchError {
        let said = std::fs::read_to_string(self.dir.join("stderr")).unwrap_or_default();
        match said.trim().lines().next_back() {
            Some(line) => BenchError::Machine(format!("{}; it said: {line}", error.explain())),
            None => error,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(cell) = self.cell.take() {
            cell.give_back(&self.dir);
        }
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
