//! Skipping with a reason, where the test command can count it.

use std::io::Write;

/// Says that a story was not run and why, on standard output and in the file that `CUMULET_SKIP_LOG` names.
pub fn skipped(story: &str, reason: &str) {
    println!("SKIPPED story {story}: {reason}");
    if let Ok(path) = std::env::var("CUMULET_SKIP_LOG") {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&path);
        let mut log = log.unwrap_or_else(|error| panic!("can't open {path}: {error}"));
        writeln!(log, "SKIPPED story {story}: {reason}")
            .unwrap_or_else(|error| panic!("can't write {path}: {error}"));
    }
}
