//! Puts other files behind a disk while the machine is paused: for a fork, a new layer on top of what is written from
//! then on by nobody.

use super::{Block, ImageError, LayerConfig, SECTOR, image};
use crate::source::Given;
use std::io;

/// Why the files stay as they are.
#[derive(Debug, thiserror::Error)]
pub enum SwapError {
    /// What is held back can't be written.
    #[error("the disk can't be written out")]
    Flush(#[source] io::Error),
    /// The new files.
    #[error("the new layers can't be used")]
    Open(#[source] ImageError),
    /// Another size.
    #[error("the new layers have {new} sectors instead of {old}")]
    Capacity {
        /// Before.
        old: u64,
        /// After.
        new: u64,
    },
}

impl Block {
    /// Writes out what is held back and goes on with `layers`, in which the guest has to find the same bytes. On an
    /// error the disk goes on as before.
    pub fn swap(&self, layers: &[LayerConfig], given: &mut Given) -> Result<(), SwapError> {
        self.close().map_err(SwapError::Flush)?;
        let image = image::open(layers, self.config.read_only, given).map_err(SwapError::Open)?;
        let (old, new) = (self.capacity(), image.size() / SECTOR);
        if old != new {
            return Err(SwapError::Capacity { old, new });
        }
        self.lock().image = Some(image);
        Ok(())
    }
}
