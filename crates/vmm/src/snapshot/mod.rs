//! Saving a machine and beginning one from what was saved.

pub mod binding;
pub mod bytes;
pub mod format;
pub mod part;
