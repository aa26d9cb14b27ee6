//! DNS in a VPC, at the network's base + 2 and at 169.254.169.253: the names of its interfaces are answered here
//! ([`zone`], pure), all else is asked of the host's name servers ([`forward`]). [`server`] holds the sockets. The host is
//! told public names by a server of its own ([`stub`]).

pub mod forward;
pub mod quota;
pub mod server;
pub mod stub;
pub mod zone;

pub use zone::Zone;
