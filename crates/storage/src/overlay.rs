//! An empty copy-on-write overlay: qcow2 version 3 with nothing allocated. It names the layer beneath for people and
//! tools; a VMM is told the layers and opens no name that it finds in a file.

use std::fs::File;

use cumulet_model::Bytes;
use cumulet_ports::storage::DiskFormat;
use imago::FormatCreateBuilder;
use imago::qcow2::Qcow2;

use crate::StorageError;

/// Writes an overlay of `size` on the file `beneath` of this format into the new file `target`. `size` may be more than
/// what is beneath has: what lies behind that reads as zeroes.
pub fn write_overlay(
    target: &File,
    size: Bytes,
    beneath: &str,
    format: DiskFormat,
) -> Result<(), StorageError> {
    let failed = StorageError::io("write an overlay");
    let storage = target.try_clone().and_then(imago::file::File::try_from).map_err(&failed)?;
    let format = match format {
        DiskFormat::Raw => "raw",
        DiskFormat::Qcow2 => "qcow2",
    };
    let builder = Qcow2::<imago::file::File>::create_builder(storage);
    builder.backing(beneath.to_owned(), format.to_owned()).size(size.0).create().map_err(&failed)
}
