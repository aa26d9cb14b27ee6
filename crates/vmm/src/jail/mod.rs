//! The door that a VMM closes behind itself, once it has its run directory and before it reads anything that a guest or
//! an image could have had a hand in: a seccomp filter for the process, then a narrower one for each kind of thread,
//! and Landlock for one that the jailer has put into a jail.
//!
//! The filters are the process's, as signal handlers are, so the switch that turns them on is a static; a test that
//! uses parts of this crate without a process of its own goes unfiltered.
//!
//! # How the lists were made
//!
//! [`calls`] was written from what each thread does, group by group, then held against `strace -f -c` of the guest tests
//! and of a machine in its jail (boot, disk and network load, pause, hotplug, saving, power-off, a panic). What was
//! traced and is not in the lists was left out on purpose: it belongs to the start before the filter. What is in the
//! lists and was never traced stands there for one of these reasons: the other C library's way (musl calls `open` where
//! glibc calls `openat`, `writev` where it calls `write`, `clone` where it calls `clone3`), an allocator's or lock's
//! rare path, or an error's.
//!
//! A call that is in no list ends the process, after a line in its log that names thread and number ([`trap`]).

mod calls;
mod filter;
mod landlock;
mod trap;

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

pub use calls::Kind;

static FILTERED: AtomicBool = AtomicBool::new(false);

/// Why a door does not close.
#[derive(Debug, thiserror::Error)]
pub enum JailError {
    /// The handler of refused calls.
    #[error("the handler of refused system calls can't be set")]
    Handler(#[source] io::Error),
    /// A filter.
    #[error("the filter of system calls for {kind:?} can't be set")]
    Filter {
        /// Whose.
        kind: Kind,
        /// The cause.
        #[source]
        source: seccompiler::Error,
    },
    /// Landlock.
    #[error("the process can't be kept to its run directory")]
    Landlock(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Filters this process's system calls from now on, in all threads that it will have.
pub fn filter_process() -> Result<(), JailError> {
    trap::install().map_err(JailError::Handler)?;
    filter::without_clone3().map_err(|source| JailError::Filter { kind: Kind::Start, source })?;
    FILTERED.store(true, Ordering::SeqCst);
    enter(Kind::Start)
}

/// Keeps this process to the working directory and what it has open. A kernel that can do less of it does that.
pub fn keep_to_directory() -> Result<(), JailError> {
    landlock::restrict().map_err(JailError::Landlock)
}

/// Narrows the filter of this thread, if this process has one. There is no way back.
pub fn enter(kind: Kind) -> Result<(), JailError> {
    if !FILTERED.load(Ordering::SeqCst) {
        return Ok(());
    }
    filter::install(kind).map_err(|source| JailError::Filter { kind, source })
}
