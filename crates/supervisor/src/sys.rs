//! The one place with unsafe code: what a child does between fork and exec, and the namespace it is forked into.
#![expect(
    unsafe_code,
    reason = "pre_exec runs in a forked child, where only async-signal-safe calls are sound"
)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use rustix::io::FdFlags;
use rustix::thread::UnshareFlags;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Spawns `command` as [`spawn_detached`] does, as the first process of a process id namespace of its own. It is a child
/// of this process all the same.
pub fn spawn_first(command: &mut Command, inherit: &[OwnedFd]) -> io::Result<Child> {
    // Children of this one thread go into the new namespace, and the thread ends with its first.
    std::thread::scope(|scope| {
        let forking = std::thread::Builder::new().name("jail".into()).spawn_scoped(scope, || {
            // SAFETY: no table of descriptors is unshared, which is what makes the call unsafe.
            unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWPID) }?;
            spawn_detached(command, inherit)
        })?;
        forking.join().unwrap_or_else(|_| Err(io::Error::other("the thread that spawns panicked")))
    })
}

/// Spawns `command` in a session of its own. Of this process's descriptors above standard error it inherits those in
/// `inherit`, under their own numbers, and no other.
pub fn spawn_detached(command: &mut Command, inherit: &[OwnedFd]) -> io::Result<Child> {
    let numbers: Vec<RawFd> = inherit.iter().map(AsRawFd::as_raw_fd).collect();
    // SAFETY: the closure makes system calls only (setsid, close_range, fcntl); it neither allocates nor takes locks.
    // `inherit` is borrowed until the child is forked, so the numbers are open in it.
    unsafe {
        command.pre_exec(move || {
            rustix::process::setsid()?;
            close_the_rest_on_exec();
            for &number in &numbers {
                rustix::io::fcntl_setfd(BorrowedFd::borrow_raw(number), FdFlags::empty())?;
            }
            Ok(())
        });
    }
    command.spawn()
}

/// Marks every descriptor above standard error. Everything here opens with close-on-exec, so a kernel without
/// close_range (before 5.11) loses nothing but a second line of defence.
fn close_the_rest_on_exec() {
    // SAFETY: close_range with CLOSE_RANGE_CLOEXEC only sets flags in this process's descriptor table.
    unsafe {
        libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC);
    }
}

/// Registers a descriptor with the runtime, to wait until it is readable.
pub fn wait_readable(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` names the same open file for its whole life, and `AsyncFd` deregisters before it is dropped.
    unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }.map_err(io::Error::from)
}
