//! The endpoints as methods of the client, a file for each resource.

pub(crate) mod console;
mod host;
mod images;
mod instances;
mod key_pairs;
mod network;
mod security_groups;
mod tags;
