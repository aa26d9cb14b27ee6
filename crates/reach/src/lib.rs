//! The reachability analyser: from the desired state of all VPCs and a question to every hop of the way, or to all that
//! stops it (Reachability Analyzer guide).
//!
//! A question has open ends: an instance has several addresses, a range many ports. [`analyse`] tries what can make a
//! difference ([`mod@candidates`]) one packet at a time, and answers with the first that gets through both ways, or else
//! with the one that is stopped by the least. One packet's way is walked by [`mod@walk`], first there, then back, as
//! answers have ACLs and routes before them too, though no groups. What would stop a packet is noted and the walk goes
//! on behind it, so that all reasons are found at once.
//!
//! What the kernel really holds is held against the answer by [`mod@compare`].
//!
//! It knows nothing of how the host does it: it is written from EC2's documentation, and held against the kernel's rules and
//! against real packets by tests of `net`.
#![forbid(unsafe_code)]

mod analyse;
mod answer;
mod candidates;
mod code;
mod compare;
mod matching;
mod question;
mod topology;
mod walk;
mod words;

pub use analyse::analyse;
pub use answer::{AclHit, Analysis, Component, Explanation, GroupHit, Hop, HopRule, RouteHit, Way};
pub use code::Code;
pub use compare::{Comparison, Kernel, compare, legs};
pub use cumulet_model::packet::{Packet, Protocol};
pub use question::{Asked, Endpoint, Outside, Question, Sieve};
