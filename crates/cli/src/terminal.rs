//! The user's terminal in raw mode: every key goes to the guest, also Ctrl-C.

use std::io::{IsTerminal, Stdin};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::failure::{Failure, Result};

/// Raw mode; the terminal is put back when this is dropped.
pub struct Raw {
    stdin: Stdin,
    before: Termios,
}

impl Raw {
    /// Puts the terminal of standard input into raw mode; `None` if it is no terminal.
    pub fn enter() -> Result<Option<Self>> {
        let stdin = std::io::stdin();
        if !stdin.is_terminal() {
            return Ok(None);
        }
        let failed = |error: rustix::io::Errno| Failure::io("cannot set the terminal")(error.into());
        let before = tcgetattr(&stdin).map_err(failed)?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(&stdin, OptionalActions::Flush, &raw).map_err(failed)?;
        Ok(Some(Self { stdin, before }))
    }
}

/// The size of the terminal that standard output is on, as columns and rows; 80 by 24 where it is none.
pub fn size() -> (u16, u16) {
    match rustix::termios::tcgetwinsize(std::io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
        _ => (80, 24),
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // The terminal may be gone; there is nobody left to tell.
        let _ = tcsetattr(&self.stdin, OptionalActions::Flush, &self.before);
    }
}
