//! What the cloud does: its operations, the launch steps with their undo, one driver per instance, and the
//! reconcilers. Knows the host only through `cumulet-ports` and keeps its memory in `cumulet-store`.
//!
//! Requests change facts in the store and poke the instance's driver; the driver reads the facts, decides what comes
//! next ([`plan`]), does it, and writes what became of it. So whatever dies in between, the next start goes on from
//! the facts.
#![forbid(unsafe_code)]

mod acls;
mod addresses;
pub mod agent;
pub mod api;
mod capacity;
pub mod clock;
pub mod cloud;
mod console;
mod create_image;
pub mod credits;
mod describe;
mod devices;
mod driver;
mod first_start;
mod flow_logs;
mod fork;
mod groups;
mod hibernate;
mod idempotent;
mod images;
mod insights;
mod interfaces;
mod keygen;
mod keys;
mod launch_steps;
mod layers;
mod lifecycle;
mod metadata;
mod modify;
mod network;
mod plan;
mod prefix_lists;
mod run;
mod saved;
mod smbios;
mod snapshots;
mod stock;
mod tags;
mod teardown;
mod volumes;
mod vpc;

pub use clock::{Clock, SystemClock};
pub use cloud::{AccessKey, Cloud, EngineConfig, Graces, HostCapacity, Ports, Result};
pub use metadata::InstanceFacts;
