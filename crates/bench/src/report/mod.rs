//! What was measured, as data and as a table.

mod figure;
mod goal;
mod spread;
mod table;

pub use figure::{Figure, Ratio, Row};
pub use goal::{Rule, Verdict};
pub use spread::Spread;

use crate::host::HostInfo;
use serde::Serialize;

/// All figures of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Where and with what.
    pub host: HostInfo,
    /// The figures in the order in which they were measured.
    pub figures: Vec<Figure>,
}
