//! From qcow2 to raw. An image is converted once, when it comes in, so that a hostile or damaged file fails there and
//! not at a launch, and so that every instance reads its base from the same page cache, never decompressing it again.

use std::fs::File;

use cumulet_model::Bytes;
use imago::qcow2::Qcow2;
use imago::{DenyImplicitOpenGate, FormatAccess, FormatDriverBuilder, Mapping};

use crate::StorageError;
use crate::copy::SparseWriter;
use crate::space::Space;

/// How much is read at once.
const CHUNK: u64 = 2 << 20;

/// Writes the disk of `size` in `source`, whose header was checked, into the new file `target`.
pub fn convert_qcow2(source: &File, target: &File, size: Bytes, space: &Space) -> Result<(), StorageError> {
    copy_disk(&open(source)?, target, size, space)
}

/// Writes what a disk of `size` holds into the new file `target`.
pub fn copy_disk(
    disk: &FormatAccess<imago::file::File>,
    target: &File,
    size: Bytes,
    space: &Space,
) -> Result<(), StorageError> {
    target.set_len(size.0).map_err(StorageError::io("size a disk"))?;
    let mut writer = SparseWriter::new(target, space);
    let mut buffer = vec![0; CHUNK as usize];
    let mut at = 0;
    while at < size.0 {
        let (mapping, length) = disk.get_mapping(at, size.0 - at).map_err(StorageError::Qcow2Content)?;
        if length == 0 || matches!(mapping, Mapping::Eof { .. }) {
            return Err(StorageError::Qcow2Content(std::io::ErrorKind::UnexpectedEof.into()));
        }
        if matches!(mapping, Mapping::Zero { .. }) {
            at += length;
            continue;
        }
        let piece = &mut buffer[..length.min(CHUNK) as usize];
        disk.read(&mut *piece, at).map_err(StorageError::Qcow2Content)?;
        writer.write(piece, at)?;
        at += piece.len() as u64;
    }
    Ok(())
}

/// Opens by descriptor and with nothing beneath, so that no name in the file is ever opened.
fn open(source: &File) -> Result<FormatAccess<imago::file::File>, StorageError> {
    let storage = source.try_clone().and_then(imago::file::File::try_from);
    let storage = storage.map_err(StorageError::Qcow2Content)?;
    let builder = Qcow2::<imago::file::File>::builder(storage).backing(None);
    let disk = builder.open(DenyImplicitOpenGate::default()).map_err(StorageError::Qcow2Content)?;
    Ok(FormatAccess::new(disk))
}
