//! The JSON API's wire types: what goes over the unix socket or TCP between the server and its clients.
//!
//! Names are snake_case, ids are strings, times are RFC 3339 in UTC, sizes carry their unit in the name
//! (`memory_mib`), states and kinds have EC2's own words. Requests refuse unknown fields, so that a misspelt one is
//! told and not ignored; answers may gain fields. Plain data: this crate knows no other crate of the project.
#![forbid(unsafe_code)]

pub mod address;
pub mod console;
pub mod error;
pub mod flow_log;
pub mod fork;
pub mod gateway;
pub mod guest;
pub mod host;
pub mod image;
pub mod instance;
pub mod instance_type;
pub mod key_pair;
pub mod network;
pub mod reachability;
pub mod route;
pub mod run;
pub mod saved_machine;
pub mod security_group;
pub mod tag;
pub mod volume;

/// Tags of a resource by key.
pub type Tags = std::collections::BTreeMap<String, String>;

/// The first part of every path: a change that would break a client gets another one.
pub const PREFIX: &str = "/v1";
