//! The story of a boot: each line goes to the console and to the log file.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use crate::system::System;

/// Where the log is.
pub const LOG_FILE: &str = "/var/log/cumulet-firstboot.log";

/// The log. A log that can't be written stops nothing.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: Option<File>,
}

impl Log {
    /// Opens the log file for appending.
    pub fn open(system: &System) -> Self {
        _ = system.make_folder("/var/log", 0o755);
        let path = system.path(LOG_FILE);
        let file = OpenOptions::new().create(true).append(true).open(&path).ok();
        Self { path, file }
    }

    /// Says a sentence.
    pub fn say(&mut self, text: &str) {
        let line = format!("[{:>9}] cumulet-firstboot: {}\n", uptime(), clean(text));
        _ = std::io::stdout().write_all(line.as_bytes());
        if let Some(file) = &mut self.file {
            _ = file.write_all(line.as_bytes());
        }
    }

    /// Lines for the console alone, as they are.
    pub fn show(&mut self, text: &str) {
        _ = std::io::stdout().write_all(text.as_bytes());
    }

    /// The log file, for programs that write to it themselves.
    pub fn path(&self) -> &PathBuf {
        &self.path
    }
}

/// Seconds since the kernel started, as it prints them.
pub fn uptime() -> String {
    let text = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("?").to_owned()
}

/// Control characters would let user data draw on the console.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
