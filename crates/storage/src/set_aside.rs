//! Setting aside what no row knows: moved to `quarantine`, where an operator may look at it. Nothing that might be
//! somebody's data is removed for want of a row.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use crate::StorageError;
use crate::layout::{Layout, sync_dir};

/// Moves a published directory to `quarantine`; none is a success.
pub fn set_aside(layout: &Layout, place: &Path) -> Result<(), StorageError> {
    let failed = StorageError::io("set a file aside");
    DirBuilder::new().recursive(true).mode(0o700).create(layout.quarantine()).map_err(&failed)?;
    let Some(name) = place.file_name() else { return Ok(()) };
    let mut to = layout.quarantine().join(name);
    for again in 1.. {
        if !to.try_exists().map_err(&failed)? {
            break;
        }
        to.set_file_name(format!("{}.{again}", name.to_string_lossy()));
    }
    match fs::rename(place, &to) {
        Ok(()) => sync_dir(layout.quarantine()).map_err(failed),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(error)),
    }
}
