//! Measures the hypervisor beside QEMU's microvm machine and Firecracker: with the same kernel, RAM disk and disk, in the
//! same run, turn by turn, so that whatever else the host does falls on all alike. What it finds is a [`report::Report`].
//!
//! `machine` starts the VMMs, `measures` has a file for each kind of figure, `report` holds and prints what was found.
//! The guests' programs are in `guest/` beside `src/` and are embedded, so that a measurement needs nothing but a kernel.
#![deny(unsafe_code)]

mod error;
mod guest;
#[expect(unsafe_code, reason = "a process id namespace is entered by unshare; see `host/sys.rs`")]
mod host;
mod machine;
mod measures;
mod programs;
pub mod report;

pub use error::BenchError;
pub use host::HostInfo;
pub use machine::Vmm;
pub use measures::{Bench, Settings, What};
pub use programs::Programs;
