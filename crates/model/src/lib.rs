//! Cumulet's nouns: what the cloud is made of, with the rules that need no I/O.
//!
//! Everything here is plain data: ids, units, the instance-type catalogue, the instance's facts and the state
//! computed from them, security-group rules, address arithmetic. This crate knows no other crate of the project.
#![forbid(unsafe_code)]

pub mod acl;
pub mod address;
pub mod attachment;
pub mod catalogue;
pub mod credits;
pub mod dhcp;
pub mod elastic;
pub mod error;
pub mod flow_log;
pub mod gateway;
pub mod ids;
pub mod image;
pub mod insights;
pub mod instance;
pub mod key;
pub mod mac;
pub mod nat;
pub mod network;
pub mod packet;
pub mod place;
pub mod prefix_list;
pub mod range;
pub mod route;
pub mod saved_machine;
pub mod security;
pub mod snapshot;
pub mod state;
pub mod tag;
pub mod units;
pub mod volume;
pub mod volume_type;

pub use error::{CloudError, ErrorCode};
pub use ids::*;
pub use mac::MacAddr;
pub use tag::{Tag, Tags};
pub use units::{Bytes, Gib, Mib};
