//! Saved machines: the state, memory and disks of a machine at a moment, from which any number of instances may begin.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{InstanceId, SavedMachineId};

/// Where a saved machine is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SavedMachineState {
    /// Its files are being written.
    Saving,
    /// Complete.
    Available,
    /// Its making failed, or its files are gone.
    Failed,
    /// Being deleted.
    Deleting,
}

impl SavedMachineState {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Saving => "saving",
            Self::Available => "available",
            Self::Failed => "failed",
            Self::Deleting => "deleting",
        }
    }
}

/// A saved machine as callers see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedMachine {
    /// Id.
    pub id: SavedMachineId,
    /// Its name, if it was given one.
    pub name: Option<String>,
    /// State.
    pub state: SavedMachineState,
    /// Why it failed.
    pub reason: Option<String>,
    /// When it was saved.
    pub created: Timestamp,
    /// The instance that it was saved from, which may be gone.
    pub instance_id: InstanceId,
    /// The type of that instance, and of those that begin from it.
    pub instance_type: String,
}
