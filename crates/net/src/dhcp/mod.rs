//! DHCP (RFC 2131) for a VPC's guests: each tap's client is told the address of that tap's interface and nothing else.
//!
//! Who asks is known by the tap that the packet came in by; what the packet says of its sender counts for nothing but
//! that it must not contradict. [`request`] and [`reply`](reply::reply) are pure; [`server`] holds the socket.

pub mod reply;
pub mod request;
pub mod server;

pub use reply::{Lease, Options};
