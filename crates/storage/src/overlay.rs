//! An empty copy-on-write overlay: qcow2 version 3 with nothing allocated. It names the base beside it for people and
//! tools; a VMM is told the layers and opens no name that it finds in a file.

use std::fs::File;

use cumulet_model::Bytes;
use imago::FormatCreateBuilder;
use imago::qcow2::Qcow2;

use crate::StorageError;
use crate::layout::BASE;

/// Writes an overlay of `size` on the raw disk [`BASE`] into the new file `target`. `size` may be more than the
/// base's: what lies behind the base reads as zeroes.
pub fn write_overlay(target: &File, size: Bytes) -> Result<(), StorageError> {
    let failed = StorageError::io("write an overlay");
    let storage = target.try_clone().and_then(imago::file::File::try_from).map_err(&failed)?;
    let builder = Qcow2::<imago::file::File>::create_builder(storage);
    builder.backing(BASE.to_owned(), "raw".to_owned()).size(size.0).create().map_err(&failed)
}
