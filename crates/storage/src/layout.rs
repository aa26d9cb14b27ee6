//! Names of files and directories, and opening the state directory.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use cumulet_model::image::ImageKind;
use cumulet_model::{ImageId, SavedMachineId, SnapshotId, VolumeId};
use cumulet_ports::storage::{DiskFormat, DiskLayer};
use tracing::{info, warn};

use crate::space::Space;
use crate::{StorageConfig, StorageError};

/// A raw disk, of an image or of a volume.
pub const RAW_DISK: &str = "disk.raw";
/// The overlay of a volume; [`BASE`] is beneath it.
pub const OVERLAY: &str = "disk.qcow2";
/// A hard link to the disk of the image that a volume was cloned from.
pub const BASE: &str = "base.raw";
/// An overlay other than [`OVERLAY`]. Each lies on the one with the next lower number that is there: numbers go where layers
/// were merged.
pub fn layer_name(number: usize) -> String {
    format!("layer-{number}.qcow2")
}
/// What layers from `lowest` to `highest` were merged to, before the volume reads from it.
pub fn merged_name(lowest: usize, highest: usize) -> String {
    format!("merged-{lowest}-{highest}.qcow2")
}
/// A kernel's or ramdisk's file.
const PLAIN_FILE: &str = "file";

/// The state directory.
#[derive(Debug)]
pub struct Layout {
    images: PathBuf,
    volumes: PathBuf,
    snapshots: PathBuf,
    saved: PathBuf,
    quarantine: PathBuf,
    tmp: PathBuf,
    next_draft: AtomicU64,
    space: Space,
}

impl Layout {
    /// Makes the directories and removes litter.
    pub fn open(config: StorageConfig) -> Result<Self, StorageError> {
        let dir = |name| config.state_dir.join(name);
        let layout = Self {
            images: dir("images"),
            volumes: dir("volumes"),
            snapshots: dir("snapshots"),
            saved: dir("saved"),
            quarantine: dir("quarantine"),
            tmp: dir("tmp"),
            next_draft: AtomicU64::new(0),
            space: Space::new(config.state_dir.clone(), config.reserve),
        };
        for path in [&layout.images, &layout.volumes, &layout.snapshots, &layout.saved, &layout.tmp] {
            // Disks hold their guests' secrets.
            let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
            made.map_err(StorageError::io("make the state directory"))?;
        }
        layout.remove_litter()?;
        Ok(layout)
    }

    fn remove_litter(&self) -> Result<(), StorageError> {
        let failed = StorageError::io("clear the directory of unfinished work");
        for entry in fs::read_dir(&self.tmp).map_err(&failed)? {
            let path = entry.map_err(&failed)?.path();
            let is_dir = fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_dir());
            if is_dir { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }.map_err(&failed)?;
            info!(path = %path.display(), "removed what an interrupted call left");
        }
        Ok(())
    }

    /// Directory of the images.
    pub fn images(&self) -> &Path {
        &self.images
    }

    /// Directory of the volumes.
    pub fn volumes(&self) -> &Path {
        &self.volumes
    }

    /// Directory of an image.
    pub fn image_dir(&self, id: &ImageId) -> PathBuf {
        self.images.join(id.as_str())
    }

    /// The one file of an image.
    pub fn image_file(&self, id: &ImageId) -> PathBuf {
        self.image_dir(id).join(image_file_name(id))
    }

    /// Directory of a volume.
    pub fn volume_dir(&self, id: &VolumeId) -> PathBuf {
        self.volumes.join(id.as_str())
    }

    /// Directory of the snapshots.
    pub fn snapshots(&self) -> &Path {
        &self.snapshots
    }

    /// Directory of a snapshot.
    pub fn snapshot_dir(&self, id: &SnapshotId) -> PathBuf {
        self.snapshots.join(id.as_str())
    }

    /// Directory of the saved machines.
    pub fn saved(&self) -> &Path {
        &self.saved
    }

    /// Directory of a saved machine.
    pub fn saved_dir(&self, id: &SavedMachineId) -> PathBuf {
        self.saved.join(id.as_str())
    }

    /// Directory of what no row knows.
    pub fn quarantine(&self) -> &Path {
        &self.quarantine
    }

    /// A name in `tmp` that nobody else uses: unique in this process, and `tmp` was empty at its start.
    pub fn tmp_name(&self) -> PathBuf {
        self.tmp.join(self.next_draft.fetch_add(1, Ordering::Relaxed).to_string())
    }

    /// Free space.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// The ids that the entries of a directory carry; others are passed over with a warning.
    pub fn ids<Id: FromStr>(&self, dir: &Path) -> Result<Vec<Id>, StorageError> {
        let failed = StorageError::io("list the state directory");
        let mut ids = Vec::new();
        for entry in fs::read_dir(dir).map_err(&failed)? {
            let entry = entry.map_err(&failed)?;
            match entry.file_name().to_str().and_then(|name| name.parse().ok()) {
                Some(id) => ids.push(id),
                None => warn!(path = %entry.path().display(), "passed over something foreign in storage"),
            }
        }
        Ok(ids)
    }
}

/// The name of an image's one file.
pub fn image_file_name(id: &ImageId) -> &'static str {
    match id.kind() {
        ImageKind::Machine => RAW_DISK,
        ImageKind::Kernel | ImageKind::Ramdisk => PLAIN_FILE,
    }
}

/// The number of an overlay's name.
pub fn overlay_number(name: &str) -> Option<usize> {
    if name == OVERLAY { Some(1) } else { number(name.strip_prefix("layer-")?.strip_suffix(".qcow2")?) }
}

/// The number of a layer: 0 for one that lies on none.
pub fn layer_number(layer: &DiskLayer) -> Result<usize, StorageError> {
    if layer.format == DiskFormat::Raw {
        return Ok(0);
    }
    let name = layer.path.file_name().and_then(|name| name.to_str());
    name.and_then(overlay_number).ok_or_else(|| StorageError::NoLayer(layer.path.clone()))
}

/// The numbers in the name of merged layers.
pub fn merged_range(name: &str) -> Option<(usize, usize)> {
    let (lowest, highest) = name.strip_prefix("merged-")?.strip_suffix(".qcow2")?.split_once('-')?;
    number(lowest).zip(number(highest))
}

fn number(text: &str) -> Option<usize> {
    text.parse().ok().filter(|number: &usize| number.to_string() == text)
}

/// Makes what was renamed into or out of a directory last.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
