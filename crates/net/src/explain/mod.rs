//! What the kernel really holds, and what it would do with a packet: the rules of `iptables-save` and `ip6tables-save`
//! and the sets of `ipset save` are walked here ([`rules`], [`matches`]), the routes are asked of the kernel itself
//! ([`routes`]), and translations are remembered as connection tracking does ([`tracking`]).
//!
//! A leg goes from namespace to namespace over our links ([`journey`]): VPC, edge, host and, by a public address, VPC
//! again. What a rule asks that can't be known here, such as another's match on the host, ends the walk as unknown.
//! Frames are not looked at: the filter at each tap ([`crate::l3::Door`]) has no say here.

mod held;
mod journey;
mod matches;
mod routes;
mod rules;
mod tracking;

pub use journey::Journey;
pub use matches::{Seen, Unknown};
pub use rules::{Filter, Outcome, Verdict};
