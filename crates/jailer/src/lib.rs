//! The jail of a VMM, and what it needs of the host.
//!
//! Three parties build it. The **supervisor** chooses the uid ([`uids`]) and the control groups ([`cgroup`]), makes the
//! run directory and starts the jailer in a new process id namespace. The **jailer** (the program of this crate,
//! [`run`]) leaves a record of the process for the supervisor ([`record`]), joins the control groups, sets limits,
//! enters mount, IPC, UTS and network namespaces of its own, makes an almost empty root, gives up all privileges and
//! becomes the VMM. The **VMM** closes the door behind itself: Landlock, and a seccomp filter for each of its threads.
//!
//! Nothing here knows what a VMM is: any program can be put into the jail, which is how the tests look at it from the
//! inside.
#![deny(unsafe_code)]

mod args;
pub mod cgroup;
mod elf;
mod limits;
mod privileges;
pub mod probe;
pub mod record;
mod root;
mod run;
mod sys;
pub mod uids;

pub use args::{ArgsError, JailArgs};
pub use limits::threads as thread_limit;
pub use run::{JailError, run};

/// Where the run directory is in the jail.
pub const RUN_DIR: &str = "/run";

/// An error with all its causes in one line.
pub fn explain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
