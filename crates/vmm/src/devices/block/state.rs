//! What is saved of a disk: no bytes of it, only what the guest was told of it, so that it finds the same again.

use super::Block;
use crate::snapshot::part::{PartError, from_state, state};
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BlockState {
    /// Sectors.
    capacity: u64,
    read_only: bool,
}

/// What is saved.
pub fn save(block: &Block) -> Result<Value, PartError> {
    if block.is_severed() {
        return Err(PartError::new("it is being detached"));
    }
    state(&BlockState { capacity: block.capacity(), read_only: block.config.read_only })
}

/// Compares a disk with what was saved of it.
pub fn restore(block: &Block, state: Value) -> Result<(), PartError> {
    let BlockState { capacity, read_only } = from_state(state)?;
    if capacity != block.capacity() {
        return Err(PartError::new(format!("it has {} sectors, but had {capacity}", block.capacity())));
    }
    if read_only != block.config.read_only {
        return Err(PartError::new("it may be written now and might not then, or the other way round"));
    }
    Ok(())
}
