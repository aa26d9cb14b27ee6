//! Free space of the file system, and the reserve that imports leave.

use std::path::PathBuf;

use cumulet_model::Bytes;

use crate::StorageError;

/// Asks the file system of a directory.
#[derive(Debug)]
pub struct Space {
    dir: PathBuf,
    reserve: Bytes,
}

impl Space {
    /// Space of the file system that holds `dir`, of which `reserve` stays free.
    pub fn new(dir: PathBuf, reserve: Bytes) -> Self {
        Self { dir, reserve }
    }

    /// What an unprivileged process could still write.
    pub fn free(&self) -> Result<Bytes, StorageError> {
        let stat = rustix::fs::statvfs(&self.dir)
            .map_err(|errno| StorageError::io("ask for the free space")(errno.into()))?;
        Ok(Bytes(stat.f_bavail.saturating_mul(stat.f_frsize)))
    }

    /// Fails if there is no room for `needed` beside the reserve.
    pub fn require(&self, needed: Bytes) -> Result<(), StorageError> {
        let free = self.free()?;
        if needed.0.saturating_add(self.reserve.0) > free.0 { Err(self.full(needed, free)) } else { Ok(()) }
    }

    /// Turns an error that says "full" into one that says how full.
    pub fn explain(&self, error: StorageError) -> StorageError {
        match self.free() {
            Ok(free) if error.is_full() => self.full(Bytes(1), free),
            _ => error,
        }
    }

    fn full(&self, needed: Bytes, free: Bytes) -> StorageError {
        StorageError::NoSpace { needed, free, reserve: self.reserve }
    }
}
