//! What the end-to-end stories share: a site of their own (daemon, directories, tag, addresses), the aws CLI and the
//! `cumulet` command pointed at it, guests reached over ssh. Everything is real: the daemon's and the VMM's programs,
//! KVM, the network, SQLite, the aws CLI, ssh.
//!
//! Which guests: the image whose manifest `CUMULET_TEST_IMAGE` names (`images/build` makes it), with the kernel in
//! `CUMULET_TEST_KERNEL` where that is set, else with the image's own. `scripts/test` sets both, or runs the stories
//! inside the lab. Without an image a story is skipped, with its reason, and CI fails on that.
#![forbid(unsafe_code)]

mod guest;
mod outside;
mod programs;
mod site;
mod skip;
mod wait;

pub use guest::Guest;
pub use outside::{Outside, PAGE};
pub use programs::{Output, program, run, run_ok};
pub use site::Site;
pub use skip::skipped;
pub use wait::{eventually, patience};
