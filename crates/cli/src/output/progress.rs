//! Progress on standard error: one line that is rewritten on a terminal, a line every few seconds elsewhere, so that
//! a log shows life and nobody waits in silence.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// The pause between two lines where there is no terminal.
const LINE_PAUSE: Duration = Duration::from_secs(5);

/// The pause between two looks of the terminal's line.
const TICK: Duration = Duration::from_millis(500);

/// Progress of one piece of work; its line is wiped when dropped.
pub struct Progress {
    terminal: bool,
    quiet: bool,
    start: Instant,
    last_line: Option<Instant>,
    shown: bool,
}

impl Progress {
    /// Progress that begins now; `quiet` shows nothing.
    pub fn new(quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { terminal, quiet, start: Instant::now(), last_line: None, shown: false }
    }

    /// Tells what is going on.
    pub fn tell(&mut self, what: &str) {
        if self.quiet {
            return;
        }
        let seconds = self.start.elapsed().as_secs();
        let what: String = what.chars().filter(|c| !c.is_control()).collect();
        if self.terminal {
            // Standard error may be gone; then nobody looks.
            let _ = write!(std::io::stderr(), "\r\x1b[K{what} ({seconds} s)");
            self.shown = true;
        } else if self.last_line.is_none_or(|last| last.elapsed() >= LINE_PAUSE) {
            let _ = writeln!(std::io::stderr(), "{what} ({seconds} s)");
            self.last_line = Some(Instant::now());
        }
    }

    /// Tells `what` again and again while `work` goes on.
    pub async fn during<T>(&mut self, what: &str, work: impl Future<Output = T>) -> T {
        let mut ticks = tokio::time::interval(TICK);
        // The first tick comes at once, and most work is done by the second.
        ticks.tick().await;
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                _ = ticks.tick() => self.tell(what),
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
