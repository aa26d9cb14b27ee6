//! The conversation between the host and the lab, and the two programs that hold it.
//!
//! The lab (`scripts/lab`) is an emulated machine. Commands go in, and output and exit statuses come out, by
//! virtio-serial ports rather than by its network, so that a test may do what it likes to the lab's network.
//! Each port carries one command at a time: `cumulet-lab-exec` on the host takes a free port, `cumulet-lab-agent`,
//! the lab's first process, serves all of them.

#![forbid(unsafe_code)]

pub mod command;
pub mod port;
pub mod wire;
