//! EC2's Query API over the engine: a request is a form that names an action, signed with Signature V4; the answer is
//! XML. This crate owns everything that is EC2's alone: signatures, parameter names, element names, error documents,
//! filters and paging. What the cloud does is the engine's.
//!
//! The way of a request: [`http`] reads it, [`sigv4`] says who sent it, [`query`] takes its parameters apart, the
//! table in [`actions`] finds its action, which reads its parameters, asks the engine, and says the answer with
//! [`resources`] and [`xml`].
#![forbid(unsafe_code)]

mod actions;
mod call;
mod clock;
mod describe;
mod error_document;
mod filter;
mod http;
mod paging;
#[doc(hidden)]
pub mod query;
mod resources;
#[doc(hidden)]
pub mod sigv4;
mod tags;
mod xml;

pub use clock::Clock;
pub use http::router;
