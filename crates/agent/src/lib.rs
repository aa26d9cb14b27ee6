//! `cumulet-agent` runs in a guest as root and does for the host what `cumulet_agent_protocol` says: it greets, takes
//! a new identity after a fork, runs programs, moves files, forwards ports.
//!
//! It listens on a vsock port. Each connection has a thread and carries one request; a program that runs has two more
//! (its output, its input), a forwarded connection one more. Nothing is shared between connections but their count.
//! [`listen`] takes connections from the host alone: a guest's own processes could reach the port as well.
#![deny(unsafe_code)]

pub mod connection;
mod exec;
mod files;
mod forward;
mod hello;
pub mod identity;
pub mod listen;
mod netlink;
#[expect(unsafe_code, reason = "system calls that no safe wrapper has; see the file")]
mod sys;
mod system;
mod users;
mod wire;

pub use connection::serve;
pub use system::System;
