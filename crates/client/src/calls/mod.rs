//! The endpoints as methods of the client, a file for each resource.

mod addresses;
pub(crate) mod console;
mod flow_logs;
mod guest;
mod host;
mod images;
mod instances;
mod interfaces;
mod key_pairs;
mod network;
mod reachability;
mod saved_machines;
mod security_groups;
mod tags;
mod volumes;
