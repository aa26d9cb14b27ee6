//! Taking in and removing image files.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use cumulet_model::image::ImageKind;
use cumulet_model::{Bytes, ImageId};
use cumulet_ports::storage::Imported;
use tracing::info;

use crate::convert::convert_qcow2;
use crate::copy::{copy_sparse, reflink};
use crate::draft::{self, Draft};
use crate::layout::{Layout, image_file_name};
use crate::qcow2::{HEAD_LEN, Header};
use crate::sniff::{Content, sniff};
use crate::{MAX_DISK, StorageError};

/// The biggest kernel or ramdisk that is taken in. A VMM reads these into the guest's memory.
const MAX_PLAIN_FILE: Bytes = Bytes(4 << 30);

/// The file that is being taken in, opened once: what is checked is what is copied.
struct Source<'a> {
    path: &'a Path,
    file: File,
    len: u64,
    allocated: Bytes,
}

/// Brings in a file as an image; an image that is there already stays as it is.
pub fn import(layout: &Layout, id: &ImageId, path: &Path) -> Result<Imported, StorageError> {
    if let Some(size) = imported_size(layout, id)? {
        return Ok(Imported { size });
    }
    let source = Source::open(path)?;
    let draft = Draft::new(layout)?;
    let target = draft.create(image_file_name(id))?;
    let filled = match id.kind() {
        ImageKind::Machine => fill_disk(layout, &source, &target),
        ImageKind::Kernel | ImageKind::Ramdisk => fill_plain(layout, &source, &target),
    };
    let done = filled.and_then(|size| {
        target.sync_all().map_err(StorageError::io("write an image to disk"))?;
        Ok(size)
    });
    let size = done.map_err(|error| layout.space().explain(error))?;
    draft.publish(&layout.image_dir(id))?;
    info!(image = %id, %size, source = %path.display(), "took in an image");
    Ok(Imported { size })
}

/// Removes an image.
pub fn delete(layout: &Layout, id: &ImageId) -> Result<(), StorageError> {
    draft::remove(layout, &layout.image_dir(id))
}

fn imported_size(layout: &Layout, id: &ImageId) -> Result<Option<Bytes>, StorageError> {
    match layout.image_file(id).metadata() {
        Ok(meta) => Ok(Some(Bytes(meta.len()))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StorageError::io("look for an image")(error)),
    }
}

impl<'a> Source<'a> {
    fn open(path: &'a Path) -> Result<Self, StorageError> {
        let failed = |source| StorageError::Source { path: path.to_owned(), source };
        // Without O_NONBLOCK the opening of a pipe would wait for a writer.
        let nonblock = rustix::fs::OFlags::NONBLOCK.bits() as i32;
        let file = File::options().read(true).custom_flags(nonblock).open(path).map_err(failed)?;
        let meta = file.metadata().map_err(failed)?;
        if !meta.is_file() {
            return Err(StorageError::NotAFile { path: path.to_owned() });
        }
        if meta.len() == 0 {
            return Err(StorageError::Empty { path: path.to_owned() });
        }
        let allocated = Bytes(meta.blocks().saturating_mul(512).min(meta.len()));
        Ok(Self { path, file, len: meta.len(), allocated })
    }

    fn head(&self) -> Result<Vec<u8>, StorageError> {
        let mut head = vec![0; self.len.min(HEAD_LEN as u64) as usize];
        let read: io::Result<()> = self.file.read_exact_at(&mut head, 0);
        read.map_err(|source| StorageError::Source { path: self.path.to_owned(), source })?;
        Ok(head)
    }
}

fn fill_disk(layout: &Layout, source: &Source<'_>, target: &File) -> Result<Bytes, StorageError> {
    let head = source.head()?;
    match sniff(&head) {
        Content::Foreign(what) => Err(StorageError::Foreign { path: source.path.to_owned(), what }),
        Content::Qcow2 => {
            let header = Header::parse(&head, source.len).map_err(StorageError::Qcow2)?;
            layout.space().require(source.allocated)?;
            convert_qcow2(&source.file, target, header.size, layout.space())?;
            Ok(header.size)
        }
        Content::Raw => {
            // A virtio disk is counted in sectors of 512 bytes.
            let size = Bytes(source.len.next_multiple_of(512));
            within(size, MAX_DISK)?;
            fill_raw(layout, source, target)?;
            target.set_len(size.0).map_err(StorageError::io("size a disk"))?;
            Ok(size)
        }
    }
}

fn fill_plain(layout: &Layout, source: &Source<'_>, target: &File) -> Result<Bytes, StorageError> {
    within(Bytes(source.len), MAX_PLAIN_FILE)?;
    fill_raw(layout, source, target)?;
    Ok(Bytes(source.len))
}

fn fill_raw(layout: &Layout, source: &Source<'_>, target: &File) -> Result<(), StorageError> {
    if reflink(&source.file, target)? {
        return Ok(());
    }
    layout.space().require(source.allocated)?;
    copy_sparse(&source.file, target, source.len, layout.space())
}

fn within(size: Bytes, limit: Bytes) -> Result<(), StorageError> {
    if size > limit { Err(StorageError::TooBig { size, limit }) } else { Ok(()) }
}
