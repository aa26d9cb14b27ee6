//! Saving a machine and beginning one from what was saved.
//!
//! A saved machine is two files: the state (`format` around `machine`) and the memory, closed by a page that binds it to
//! its state (`binding`). Everything with state of its own is a `part`, in its own folder: to be saved, a new device
//! implements the trait and joins the machine's list.

pub mod binding;
pub mod bytes;
pub mod format;
pub mod machine;
pub mod part;
pub mod restore;
pub mod save;
#[cfg(test)]
mod tests;

pub use machine::{MachineSave, Parts};
pub use restore::RestoreError;
pub use save::{SaveError, Taken, take};
