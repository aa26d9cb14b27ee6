//! The console's log in the run directory: two files, so that what is kept is bounded however much a guest writes. A
//! full disk loses log, never the machine.

use super::Console;
use cumulet_vmm_protocol::rundir::{CONSOLE_LOG, CONSOLE_LOG_OLD};
use std::fs::{File, OpenOptions, rename};
use std::io::{self, Write};
use std::sync::Arc;

/// Takes a console's output to its files, which are in the working directory.
#[derive(Debug)]
pub struct ConsoleLog {
    console: Arc<Console>,
    file: File,
    in_file: u64,
    bound: u64,
    taken: u64,
}

impl ConsoleLog {
    /// Begins a new log.
    pub fn create(console: Arc<Console>, bound: u64) -> io::Result<Self> {
        Ok(Self { console, file: new_file()?, in_file: 0, bound, taken: 0 })
    }

    /// Writes what is new and gives it.
    pub fn flush(&mut self) -> Vec<u8> {
        self.console.clean();
        let (start, data, _) = self.console.read(Some(self.taken), usize::MAX);
        self.taken = start + data.len() as u64;
        let mut rest = &data[..];
        while !rest.is_empty() {
            let room = (self.bound - self.in_file).min(rest.len() as u64) as usize;
            if self.file.write_all(&rest[..room]).is_err() {
                break;
            }
            self.in_file += room as u64;
            rest = &rest[room..];
            if self.in_file == self.bound && self.rotate().is_err() {
                break;
            }
        }
        data
    }

    fn rotate(&mut self) -> io::Result<()> {
        rename(CONSOLE_LOG, CONSOLE_LOG_OLD)?;
        self.file = new_file()?;
        self.in_file = 0;
        Ok(())
    }
}

fn new_file() -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).open(CONSOLE_LOG)
}
