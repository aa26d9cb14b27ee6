//! The instance metadata service, versions 1 and 2, as EC2 has it: what a guest asks at 169.254.169.254.
//!
//! There is one listener per VPC, bound inside the VPC's network namespace by whoever owns that; this crate serves
//! on it ([`MetadataService::serve`]). **The caller is known by namespace and source address and by nothing that it
//! says.** Who that is, and all facts about it, come from a [`MetadataSource`].
//!
//! A request goes through these files: [`server`] (connections, bounded in number and time per guest), `handle`
//! (throttle, endpoint on or off, [`token`], method), `path`, and `tree`, which builds the whole tree of an instance
//! from its facts, so that a listing and what it lists can't disagree.
//!
//! All versions answer with the same, newest tree: clients that ask for an old version look only for what they know.
//! Left out because this cloud has nothing to say there: `iam/` (no instance roles yet), `spot/`, `metrics/`.
#![forbid(unsafe_code)]

pub mod identity;
pub mod server;
pub mod source;
pub mod token;

mod answer;
mod handle;
mod path;
mod throttle;
mod tree;
mod versions;

#[cfg(any(test, feature = "fixtures"))]
pub mod fixtures;

pub use identity::IdentityKey;
pub use server::{Clock, MetadataService};
pub use source::{InstanceMetadata, MetadataSource, PublicKey, SourceError};
pub use token::TokenKey;
