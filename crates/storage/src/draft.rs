//! A directory on its way in or out. States: a draft in `tmp` is being filled; published, it is complete and in its
//! place; dropped before that, it is removed. What is to go is moved to `tmp` first, so that it is gone at once and
//! never half there.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tracing::warn;

use crate::StorageError;
use crate::layout::{Layout, sync_dir};

/// A directory in `tmp`, removed when dropped.
#[derive(Debug)]
pub struct Draft {
    path: PathBuf,
}

impl Draft {
    /// Makes an empty directory.
    pub fn new(layout: &Layout) -> Result<Self, StorageError> {
        let path = layout.tmp_name();
        fs::create_dir(&path).map_err(StorageError::io("make a directory"))?;
        Ok(Self { path })
    }

    /// Path of a file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Makes a new file in it, for reading and writing.
    pub fn create(&self, name: &str) -> Result<File, StorageError> {
        File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(self.path(name))
            .map_err(StorageError::io("make a file"))
    }

    /// Puts it in its place. Its files must have been synced. If another got there first, that one stays and this one
    /// goes.
    pub fn publish(self, place: &Path) -> Result<(), StorageError> {
        let failed = StorageError::io("put a finished file in its place");
        sync_dir(&self.path).map_err(&failed)?;
        match fs::rename(&self.path, place) {
            Ok(()) => {}
            Err(error) if is_taken(&error) => return Ok(()),
            Err(error) => return Err(failed(error)),
        }
        sync_parent(place).map_err(failed)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                warn!(path = %self.path.display(), %error, "can't remove unfinished work; the next start will");
            }
            _ => {}
        }
    }
}

/// Removes a published directory; none is a success.
pub fn remove(layout: &Layout, place: &Path) -> Result<(), StorageError> {
    let failed = StorageError::io("remove a file");
    let draft = Draft { path: layout.tmp_name() };
    match fs::rename(place, &draft.path) {
        Ok(()) => sync_parent(place).map_err(failed),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

fn is_taken(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists)
}

fn sync_parent(place: &Path) -> io::Result<()> {
    place.parent().map_or(Ok(()), sync_dir)
}
