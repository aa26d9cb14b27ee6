//! The one place with unsafe code: a child in a process id namespace of its own, which a jail begins in.

use rustix::thread::UnshareFlags;
use std::io;
use std::process::{Child, Command};

/// Spawns `command` as the first process of a process id namespace. It is a child of this process all the same.
pub fn spawn_first(command: &mut Command) -> io::Result<Child> {
    // Children of this one thread go into the new namespace, and the thread ends with its first.
    std::thread::scope(|scope| {
        let forking = std::thread::Builder::new().name("jail".into()).spawn_scoped(scope, || {
            // SAFETY: no table of descriptors is unshared, which is what makes the call unsafe.
            unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWPID) }?;
            command.spawn()
        })?;
        forking.join().unwrap_or_else(|_| Err(io::Error::other("the thread that spawns panicked")))
    })
}
