//! Printing: tables and colours for people, JSON for machines, progress on standard error.

pub mod json;
mod paint;
mod progress;
mod say;
mod table;
mod words;

pub use paint::{Colour, Paint};
pub use progress::Progress;
pub(crate) use say::say;
pub use say::{line, put};
pub use table::Table;
pub use words::{age, bytes, or_dash};
