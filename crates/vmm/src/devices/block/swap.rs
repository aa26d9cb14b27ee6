//! Puts other files behind a disk while the machine is paused: for a fork, a new layer on top of what is written from
//! then on by nobody.

use super::open::Open;
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
    /// What is to serve them.
    #[error("nothing serves the new layers")]
    Engine(#[source] io::Error),
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
        let open = Open::new(&self.config.id, image, self.config.engine, &self.kicks[0])
            .map_err(SwapError::Engine)?;
        let mut work = self.lock();
        work.land_all(&self.metrics);
        work.open = Some(open);
        Ok(())
    }
}
