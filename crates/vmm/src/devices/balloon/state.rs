//! What is saved of the balloon: what was asked for, and what the guest gave up.

use super::Balloon;
use crate::snapshot::part::{PartError, from_state, state};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::atomic::Ordering;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BalloonState {
    /// Pages.
    target: u32,
    actual: u32,
}

/// What is saved.
pub fn save(balloon: &Balloon) -> Result<Value, PartError> {
    let get = |pages: &std::sync::atomic::AtomicU32| pages.load(Ordering::SeqCst);
    state(&BalloonState { target: get(&balloon.target), actual: get(&balloon.actual) })
}

/// Goes on from what was saved.
pub fn restore(balloon: &Balloon, state: Value) -> Result<(), PartError> {
    let BalloonState { target, actual } = from_state(state)?;
    balloon.target.store(target, Ordering::SeqCst);
    balloon.actual.store(actual, Ordering::SeqCst);
    Ok(())
}
