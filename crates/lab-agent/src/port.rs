//! The lab's end of a virtio-serial port.
//!
//! A port without a host at its other end reads as an end of file and polls as hung up (Linux,
//! drivers/char/virtio_console.c), and becomes usable again when a host comes. So an end of file here means
//! that the host has gone, and waiting for the next one is a matter of asking now and then.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// The ports that `scripts/lab` makes have names that begin so.
pub const NAME_PREFIX: &str = "cumulet.exec.";

/// How often a port is asked whether a host has come. Emulated processors are slow: not too often.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// The device files of all ports that are ours, in the order of their names.
pub fn find_ports() -> io::Result<Vec<PathBuf>> {
    let mut ports = Vec::new();
    for entry in fs::read_dir("/sys/class/virtio-ports")? {
        let entry = entry?;
        let name = fs::read_to_string(entry.path().join("name")).unwrap_or_default();
        if name.starts_with(NAME_PREFIX) {
            ports.push((name, PathBuf::from("/dev").join(entry.file_name())));
        }
    }
    ports.sort();
    Ok(ports.into_iter().map(|(_, path)| path).collect())
}

/// Opens a port's device file for both directions.
pub fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

/// Whether a host is at the other end now.
pub fn is_connected(port: &impl AsFd) -> bool {
    let mut fds = [PollFd::new(port.as_fd(), PollFlags::POLLIN)];
    match poll(&mut fds, PollTimeout::ZERO) {
        Ok(_) => !fds[0].revents().is_some_and(|events| events.contains(PollFlags::POLLHUP)),
        Err(_) => false,
    }
}

/// Waits until a host has opened its end.
pub fn await_host(port: &impl AsFd) {
    while !is_connected(port) {
        thread::sleep(ASK_EVERY);
    }
}
