//! What has state of its own says so by a trait: whoever joins the machine's list of parts is saved with it, restored
//! with it, and missed where it is not there.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt::Debug;

/// Why a part can't be saved or restored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PartError(pub String);

impl PartError {
    /// Says why.
    pub fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// A part of the machine. Both are called while everything stands still. What a snapshot says is not to be trusted: a
/// part takes from it only what a guest could have brought about, and refuses the rest.
pub trait Part: Send + Sync + Debug {
    /// Its name in the machine, the same when it is saved and when it is restored, for example `disk vol-1`.
    fn part(&self) -> String;
    /// Its state.
    fn save(&self) -> Result<Value, PartError>;
    /// Takes on a state that was saved. It was just made.
    fn restore(&self, state: Value) -> Result<(), PartError>;
    /// The machine is whole and about to run: what was missed while it was saved can be told now.
    fn restored(&self) {}
}

/// A state as JSON.
pub fn state(state: &impl Serialize) -> Result<Value, PartError> {
    serde_json::to_value(state).map_err(|error| PartError::new(error.to_string()))
}

/// A state from JSON.
pub fn from_state<T: DeserializeOwned>(state: Value) -> Result<T, PartError> {
    serde_json::from_value(state).map_err(|error| PartError::new(error.to_string()))
}
