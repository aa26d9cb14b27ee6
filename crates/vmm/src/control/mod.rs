//! The control socket: connections and what is asked on them. The main loop serves all of it; nothing here blocks.

mod connection;
mod server;

pub use connection::{Answer, Asked};
pub use server::{Commands, Server};
