//! A typed client of the JSON API: one method for each endpoint, and waiters.
//!
//! [`Client`] talks over the daemon's unix socket, or over TCP with a token ([`Target`]). Each call opens its own
//! connection: the callers are commands that make a few calls and end. There is no TLS; a TCP door that is not on
//! loopback belongs behind something that has it.
#![forbid(unsafe_code)]

mod calls;
mod client;
mod error;
mod lines;
mod stream;
mod target;
mod transport;
mod wait;

pub use calls::console::{ConsoleOutput, decode_base64, encode_base64};
pub use client::Client;
pub use cumulet_agent_client as agent;
pub use cumulet_api_types as types;
pub use error::Error;
pub use stream::AgentStream;
pub use target::{BadUrl, DEFAULT_SOCKET, Target};
pub use wait::{Patience, Progress};

/// What calls return.
pub type Result<T> = std::result::Result<T, Error>;
