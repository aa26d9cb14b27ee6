//! The JSON API: the engine's operations as resources under `/v1`, with an OpenAPI document at `/openapi.json`.
//!
//! The same routes stand behind two doors ([`Door`]): a unix socket, where the file's permissions say who may come
//! in, and TCP, where a bearer token does. Wire types are `cumulet-api-types`; `convert` takes them to the model and
//! back; `routes` has a file for each endpoint or small resource. This crate opens no sockets: the composition root
//! does and serves [`router`] on them.
#![forbid(unsafe_code)]

mod convert;
mod door;
mod error;
mod extract;
mod guard;
mod openapi;
mod router;
mod routes;
mod upgrade;

pub use door::Door;
pub use router::{Settings, document, router};
