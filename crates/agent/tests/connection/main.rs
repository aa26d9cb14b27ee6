//! The agent served on a socket pair in place of vsock, by a client that speaks frames. Programs run on this machine,
//! as the user that the test runs as where it is not root.

mod client;
mod exec;
mod files;
mod forward;
mod talk;
