//! DHCPv6 (RFC 8415) for a VPC's guests: each tap's client is told the addresses of that tap's interface and nothing else.
//!
//! As with IPv4, who asks is known by the tap that the packet came in by. [`request`] and [`reply`](reply::reply) are
//! pure; [`server`] holds the sockets.

pub mod reply;
pub mod request;
pub mod server;

pub use reply::{Lease, Options};
