//! Growing a volume that no machine has open.

use std::fs::File;

use cumulet_model::{Bytes, VolumeId};
use cumulet_ports::storage::DiskFormat;
use imago::format::PreallocateMode;
use imago::qcow2::Qcow2;
use imago::{DenyImplicitOpenGate, FormatAccess, FormatDriverBuilder};

use crate::layout::Layout;
use crate::{MAX_DISK, StorageError, volume};

/// Makes a volume of at least `size`; one that is as big already stays as it is.
pub fn grow(layout: &Layout, id: &VolumeId, size: Bytes) -> Result<(), StorageError> {
    if size > MAX_DISK {
        return Err(StorageError::TooBig { size, limit: MAX_DISK });
    }
    let chain = volume::chain(layout, id)?;
    let top = &chain.layers[0];
    let failed = StorageError::io("grow a volume");
    let file = File::options().read(true).write(true).open(&top.path).map_err(&failed)?;
    match top.format {
        DiskFormat::Raw => {
            if file.metadata().map_err(&failed)?.len() < size.0 {
                file.set_len(size.0).map_err(&failed)?;
            }
        }
        DiskFormat::Qcow2 => grow_qcow2(file.try_clone().map_err(&failed)?, size)?,
    }
    file.sync_all().map_err(failed)
}

/// The layers beneath are not opened: growing touches the top layer's header and tables alone.
fn grow_qcow2(file: File, size: Bytes) -> Result<(), StorageError> {
    let failed = StorageError::io("grow a volume");
    let storage = imago::file::File::try_from(file).map_err(&failed)?;
    let builder = Qcow2::<imago::file::File>::builder(storage).write(true).backing(None);
    let disk = FormatAccess::new(builder.open(DenyImplicitOpenGate::default()).map_err(&failed)?);
    if disk.size() < size.0 {
        disk.resize_grow(size.0, PreallocateMode::None).map_err(&failed)?;
        disk.flush().map_err(&failed)?;
    }
    Ok(())
}
