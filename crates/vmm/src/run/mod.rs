//! The life of a VMM process: take the run directory, read the specification, build the machine, run it, and leave a
//! record of how it ended, whatever happened.

mod args;
mod commands;
mod devices;
mod digest;
mod end;
mod main_loop;
mod panic;
mod rundir;
mod signals;
mod snapshots;
mod start;

pub use args::{ArgsError, HostProcess, RunArgs};
pub use start::run;

use std::io::Write;

/// An error with all its causes, for a record or a message.
pub fn explain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Says something on standard error, if anybody listens: a pipe whose reader is gone is no reason to fail, and the end
/// of a process must not stumble over it.
pub fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "cumulet-vmm: {text}");
}
