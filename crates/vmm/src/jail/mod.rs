//! The door that a VMM closes behind itself, once it has its run directory and before it reads anything that a guest or
//! an image could have had a hand in: a seccomp filter for the process, then a narrower one for each kind of thread,
//! and Landlock for one that the jailer has put into a jail.
//!
//! The filters are the process's, as signal handlers are, so the switch that turns them on is a static; a test that
//! uses parts of this crate without a process of its own goes unfiltered.
//!
//! # How the lists were made
//!
//! [`calls`] was written from what each thread does, group by group; then all guest tests ran with it, and the tests of
//! disks, vsock, hotplug and snapshots under `strace -f`. What was traced and is not in the lists belongs to the start
//! before the filter (`execve`, `arch_prctl`, `set_tid_address`, `access`). What is in the lists and was never traced
//! stands there for one of these reasons: the other C library's way (musl calls `open` where
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, Output};

    const CHILD: &str = "CUMULET_VMM_JAIL_TEST";

    /// Runs a test of this module again, as a process of its own that may lock itself up.
    fn in_a_process_of_its_own(test: &str) -> Option<Output> {
        if std::env::var_os(CHILD).is_some() {
            return None;
        }
        let child = Command::new(std::env::current_exe().unwrap())
            .args([&format!("jail::tests::{test}"), "--exact", "--nocapture"])
            .env(CHILD, "1")
            .output();
        Some(child.unwrap())
    }

    #[test]
    fn a_call_that_no_list_has_ends_the_process_and_is_named() {
        let Some(child) = in_a_process_of_its_own("a_call_that_no_list_has_ends_the_process_and_is_named")
        else {
            filter_process().unwrap();
            let thread = std::thread::Builder::new().name("vcpu3".into()).spawn(|| {
                enter(Kind::Vcpu).unwrap();
                let _ = std::fs::create_dir("/tmp/made-by-a-vcpu");
            });
            let _ = thread.unwrap().join();
            unreachable!("the process has ended");
        };
        let log = String::from_utf8_lossy(&child.stderr);
        assert_eq!(child.status.code(), Some(128 + libc::SIGSYS), "{log}");
        let line = format!("thread vcpu3 made the system call {}, which", libc::SYS_mkdir);
        assert!(log.contains(&line), "{log}");
    }

    #[test]
    fn no_process_makes_another() {
        let Some(child) = in_a_process_of_its_own("no_process_makes_another") else {
            filter_process().unwrap();
            let _ = Command::new("/bin/true").spawn();
            unreachable!("the process has ended");
        };
        // The child is made with all signals blocked, and then the kernel does not ask the handler.
        let status = child.status;
        assert!(
            status.signal() == Some(libc::SIGSYS) || status.code() == Some(128 + libc::SIGSYS),
            "{status}"
        );
    }

    #[test]
    fn of_all_files_those_in_the_working_directory_are_left() {
        let name = "of_all_files_those_in_the_working_directory_are_left";
        let abi = std::fs::read_to_string("/sys/kernel/security/lsm").unwrap_or_default();
        let Some(child) = in_a_process_of_its_own(name) else {
            let dir = tempfile::tempdir().unwrap();
            std::env::set_current_dir(dir.path()).unwrap();
            let outside = std::fs::File::open("/etc/hostname").unwrap();
            keep_to_directory().unwrap();
            std::fs::write("here", "x").unwrap();
            std::fs::rename("here", "there").unwrap();
            assert_eq!(std::fs::read("there").unwrap(), b"x");
            let _listener = std::os::unix::net::UnixListener::bind("socket").unwrap();
            std::fs::remove_file("there").unwrap();
            outside.metadata().unwrap();
            let refused = |what: std::io::Result<()>| {
                // A kernel without Landlock refuses nothing.
                println!("{}", what.is_err_and(|error| error.raw_os_error() == Some(libc::EACCES)));
            };
            refused(std::fs::read("/etc/hostname").map(drop));
            refused(std::fs::create_dir("directory"));
            refused(Command::new("/bin/true").spawn().map(drop));
            std::process::exit(0);
        };
        let told = String::from_utf8_lossy(&child.stdout);
        assert_eq!(child.status.code(), Some(0), "{told}{}", String::from_utf8_lossy(&child.stderr));
        if abi.contains("landlock") {
            assert_eq!(told.matches("true").count(), 3, "{told}");
        }
    }
}
