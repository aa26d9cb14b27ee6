//! An image from a volume: the volume's frozen layers read through, and written as one raw disk.

use std::fs::File;
use std::sync::Arc;

use cumulet_model::image::ImageKind;
use cumulet_model::{Bytes, ImageId, VolumeId};
use cumulet_ports::storage::{DiskChain, DiskFormat, DiskLayer, Imported};
use imago::qcow2::Qcow2;
use imago::raw::Raw;
use imago::{DenyImplicitOpenGate, FormatAccess, FormatDriverBuilder};
use tracing::info;

use crate::convert::copy_disk;
use crate::draft::Draft;
use crate::layout::{Layout, image_file_name};
use crate::{StorageError, branch};

/// A disk, whatever its layers are.
pub type Disk = FormatAccess<imago::file::File>;

/// Makes an image of the layers of a volume that are numbered below `below`, which must be frozen. An image that is there already stays
/// as it is.
pub fn image_from(
    layout: &Layout,
    id: &ImageId,
    of: &VolumeId,
    below: u32,
) -> Result<Imported, StorageError> {
    if id.kind() != ImageKind::Machine {
        return Err(StorageError::NotADisk(id.clone()));
    }
    if let Ok(meta) = layout.image_file(id).metadata() {
        return Ok(Imported { size: Bytes(meta.len()) });
    }
    let disk = open_chain(&branch::frozen(layout, of, below)?)?;
    let size = Bytes(disk.size());
    let draft = Draft::new(layout)?;
    let target = draft.create(image_file_name(id))?;
    let copied = copy_disk(&disk, &target, size, layout.space());
    let done = copied.and_then(|()| target.sync_all().map_err(StorageError::io("write an image to disk")));
    done.map_err(|error| layout.space().explain(error))?;
    draft.publish(&layout.image_dir(id))?;
    info!(image = %id, %size, volume = %of, "made an image of a volume");
    Ok(Imported { size })
}

fn open_chain(chain: &DiskChain) -> Result<Disk, StorageError> {
    let (top, beneath) = chain.layers.split_first().ok_or(StorageError::NoSize)?;
    let mut below: Option<Arc<Disk>> = None;
    for layer in beneath.iter().rev() {
        below = Some(Arc::new(open(layer, below)?));
    }
    open(top, below)
}

/// Opens a layer for reading.
pub fn open(layer: &DiskLayer, below: Option<Arc<Disk>>) -> Result<Disk, StorageError> {
    let file = File::open(&layer.path).and_then(imago::file::File::try_from);
    let file = file.map_err(StorageError::io("open a volume"))?;
    let gate = DenyImplicitOpenGate::default();
    let disk = match layer.format {
        DiskFormat::Raw => Raw::builder(file).open(gate).map(FormatAccess::new),
        DiskFormat::Qcow2 => Qcow2::<imago::file::File, Arc<Disk>>::builder(file)
            .backing(below)
            .open(gate)
            .map(FormatAccess::new),
    };
    disk.map_err(StorageError::Qcow2Content)
}
