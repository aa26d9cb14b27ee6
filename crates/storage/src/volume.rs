//! Making and removing volumes.

use std::cmp::Reverse;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;

use cumulet_model::image::ImageKind;
use cumulet_model::volume::VolumeSource;
use cumulet_model::{Bytes, Gib, ImageId, VolumeId};
use cumulet_ports::storage::{DiskChain, DiskFormat, DiskLayer};
use tracing::info;

use crate::branch;
use crate::copy::reflink;
use crate::draft::{self, Draft};
use crate::layout::{BASE, Layout, OVERLAY, RAW_DISK, overlay_number};
use crate::overlay::write_overlay;
use crate::{MAX_DISK, StorageError, snapshot};

/// More than the metadata of any new volume takes: an overlay's first-level table for 64 TiB has 1 MiB.
const NEW_VOLUME: Bytes = Bytes(2 << 20);

/// Makes a volume; one that is there already stays as it is.
pub fn create(layout: &Layout, id: &VolumeId, source: &VolumeSource, size: Gib) -> Result<(), StorageError> {
    let place = layout.volume_dir(id);
    if place.exists() {
        return Ok(());
    }
    let bytes = size.bytes();
    if bytes > MAX_DISK {
        return Err(StorageError::TooBig { size: bytes, limit: MAX_DISK });
    }
    if bytes == Bytes(0) {
        return Err(StorageError::NoSize);
    }
    layout.space().require(NEW_VOLUME)?;
    let draft = Draft::new(layout)?;
    let filled = match source {
        VolumeSource::Blank => blank(&draft, bytes).map(|()| "blank"),
        VolumeSource::Image(image) => clone(layout, &draft, image, size),
        VolumeSource::Branch { volume, below } => {
            branch::link(layout, &draft, volume, *below, bytes).map(|()| "branch")
        }
        VolumeSource::Snapshot(from) => {
            snapshot::link(layout, &draft, from, bytes).map(|()| "from a snapshot")
        }
    };
    let how = filled.map_err(|error| layout.space().explain(error))?;
    draft.publish(&place)?;
    info!(volume = %id, %size, how, "made a volume");
    Ok(())
}

/// The files of a volume, as its directory shows them.
pub fn chain(layout: &Layout, id: &VolumeId) -> Result<DiskChain, StorageError> {
    chain_in(&layout.volume_dir(id))?.ok_or_else(|| StorageError::NoVolume(id.clone()))
}

/// The files of a volume or snapshot, as its directory shows them; `None` when there are none.
pub fn chain_in(dir: &Path) -> Result<Option<DiskChain>, StorageError> {
    let failed = StorageError::io("look for a volume");
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        entries => entries.map_err(&failed)?,
    };
    let (mut base, mut overlays) = (None, Vec::new());
    for entry in entries {
        let path = entry.map_err(&failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match overlay_number(name) {
            Some(number) => overlays.push((number, path)),
            None if matches!(name, RAW_DISK | BASE) => base = Some(path),
            None => {}
        }
    }
    let Some(base) = base else { return Ok(None) };
    overlays.sort_by_key(|(number, _)| Reverse(*number));
    let overlays = overlays.into_iter().map(|(_, path)| DiskLayer { path, format: DiskFormat::Qcow2 });
    let layers = overlays.chain([DiskLayer { path: base, format: DiskFormat::Raw }]).collect();
    Ok(Some(DiskChain { layers }))
}

/// Removes a volume.
pub fn delete(layout: &Layout, id: &VolumeId) -> Result<(), StorageError> {
    draft::remove(layout, &layout.volume_dir(id))
}

fn blank(draft: &Draft, size: Bytes) -> Result<(), StorageError> {
    let disk = draft.create(RAW_DISK)?;
    finish_raw(&disk, size)
}

/// Clones an image's disk: shared blocks where the file system can, an overlay elsewhere. Gives which.
fn clone(layout: &Layout, draft: &Draft, image: &ImageId, size: Gib) -> Result<&'static str, StorageError> {
    if image.kind() != ImageKind::Machine {
        return Err(StorageError::NotADisk(image.clone()));
    }
    let base_path = layout.image_file(image);
    let base = File::open(&base_path).map_err(|error| no_image(error, image))?;
    let image_size = Bytes(base.metadata().map_err(StorageError::io("look at an image"))?.len());
    if size.bytes() < image_size {
        return Err(StorageError::SmallerThanImage { size, image: image.clone(), image_size });
    }
    let disk = draft.create(RAW_DISK)?;
    if reflink(&base, &disk)? {
        finish_raw(&disk, size.bytes())?;
        return Ok("reflink");
    }
    fs::remove_file(draft.path(RAW_DISK)).map_err(StorageError::io("remove a file"))?;
    fs::hard_link(&base_path, draft.path(BASE)).map_err(|error| no_image(error, image))?;
    let overlay = draft.create(OVERLAY)?;
    write_overlay(&overlay, size.bytes(), BASE, DiskFormat::Raw)?;
    overlay.sync_all().map_err(StorageError::io("write an overlay to disk"))?;
    Ok("overlay")
}

fn finish_raw(disk: &File, size: Bytes) -> Result<(), StorageError> {
    disk.set_len(size.0).map_err(StorageError::io("size a volume"))?;
    disk.sync_all().map_err(StorageError::io("write a volume to disk"))
}

fn no_image(error: std::io::Error, image: &ImageId) -> StorageError {
    match error.kind() {
        ErrorKind::NotFound => StorageError::NoImage(image.clone()),
        _ => StorageError::io("open an image")(error),
    }
}
