//! Saved machines.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A machine to save.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SaveMachine {
    /// A name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Makes the request idempotent: the same token and parameters give the same answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_token: Option<String>,
}

/// Where a saved machine is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SavedMachineState {
    /// Its files are being written; the instance runs on.
    Saving,
    /// It can be forked.
    Available,
    /// Its making failed, or its files are gone.
    Failed,
    /// It is being deleted.
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

/// A machine's state, memory and disks at a moment, from which any number of instances may begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SavedMachine {
    /// Id: `sm-…`.
    pub id: String,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// State.
    pub state: SavedMachineState,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was saved.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created: Timestamp,
    /// The instance that it was saved from, which may be gone.
    pub instance_id: String,
    /// Name of the type of the instances that begin from it.
    pub instance_type: String,
}

/// A list of saved machines, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SavedMachineList {
    /// They.
    pub saved_machines: Vec<SavedMachine>,
}
