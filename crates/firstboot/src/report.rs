//! The outcome, for people and programs: `/var/lib/cumulet/firstboot/result.json`.

use serde::{Deserialize, Serialize};

use crate::error::ActionError;
use crate::system::System;

/// Where the outcome is.
pub const RESULT_FILE: &str = "/var/lib/cumulet/firstboot/result.json";

/// The outcome of this boot's phases.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// Which instance.
    pub instance_id: String,
    /// The kernel's id of this boot; a report of another boot is begun anew.
    pub boot_id: String,
    /// Phases that came to their end.
    pub finished: Vec<String>,
    /// What was done.
    pub done: Vec<String>,
    /// What was left because it was done before for this instance.
    pub skipped: Vec<String>,
    /// What failed.
    pub failed: Vec<Problem>,
    /// What user data asks for and this program doesn't do.
    pub not_implemented: Vec<String>,
    /// What is wrong in user data.
    pub warnings: Vec<String>,
}

/// Something that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What was to be done.
    pub what: String,
    /// Why it wasn't.
    pub why: String,
}

impl Report {
    /// The report of this boot so far, or an empty one.
    pub fn load(system: &System) -> Self {
        let boot_id =
            system.read_text("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned();
        let stored: Option<Self> =
            system.read_text(RESULT_FILE).ok().and_then(|text| serde_json::from_str(&text).ok());
        match stored {
            Some(report) if report.boot_id == boot_id && !boot_id.is_empty() => report,
            _ => Self { boot_id, ..Self::default() },
        }
    }

    /// Writes it down.
    pub fn save(&self, system: &System) -> Result<(), ActionError> {
        let text =
            serde_json::to_vec_pretty(self).map_err(|error| ActionError::Refused(error.to_string()))?;
        system.write(RESULT_FILE, &text, 0o644)
    }
}
