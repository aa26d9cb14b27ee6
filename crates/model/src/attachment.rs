//! The attachment of a volume or an interface to an instance: its states, which are facts of their own.
//!
//! `attaching -> attached -> detaching -> gone`. A request writes `attaching` or `detaching`; the instance's driver makes
//! it so in the machine and writes what became of it. Where there is no machine there is nothing to wait for.

use serde::{Deserialize, Serialize};

/// Where an attachment is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttachmentState {
    /// Asked for; the machine may or may not have the device.
    Attaching,
    /// The machine has it, or will from its next start on.
    Attached,
    /// To go; the machine may or may not have let go of it.
    Detaching,
}

impl AttachmentState {
    /// EC2's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Attaching => "attaching",
            Self::Attached => "attached",
            Self::Detaching => "detaching",
        }
    }
}
