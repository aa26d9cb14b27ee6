//! The host: what it is, and what of its memory a process has.

pub mod info;
pub mod memory;
pub mod netns;
pub mod sys;

pub use info::HostInfo;
