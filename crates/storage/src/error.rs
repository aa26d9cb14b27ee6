//! Why a call to storage failed, in words that may be shown to whoever asked for it.

use std::io;
use std::path::PathBuf;

use cumulet_model::{Bytes, Gib, ImageId, SavedMachineId, SnapshotId, VolumeId};
use cumulet_ports::PortError;

use crate::qcow2::HeaderError;

/// What can go wrong with images and volumes.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The file to import can't be opened or read.
    #[error("can't read {}", path.display())]
    Source {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The file to import is a directory, a pipe, a device.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The file to import is empty.
    #[error("{} is empty", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file to import is neither a raw nor a qcow2 disk.
    #[error("{} is {what}, not a raw or qcow2 disk", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it looks like, with its article.
        what: &'static str,
    },
    /// The qcow2 file can't be taken.
    #[error("the qcow2 image can't be used")]
    Qcow2(#[source] HeaderError),
    /// The qcow2 file's header is in order, but its tables or data are not.
    #[error("the qcow2 image is damaged")]
    Qcow2Content(#[source] io::Error),
    /// The disk or file is bigger than is allowed.
    #[error("a size of {size} is over the limit of {limit}")]
    TooBig {
        /// What was asked for or found.
        size: Bytes,
        /// The most that is allowed.
        limit: Bytes,
    },
    /// The file system has no room.
    #[error(
        "the host's storage is full: {needed} more needed, {free} free, of which {reserve} stay reserved"
    )]
    NoSpace {
        /// At least what the call would still have written.
        needed: Bytes,
        /// What was free.
        free: Bytes,
        /// What stays free.
        reserve: Bytes,
    },
    /// A volume of nothing.
    #[error("a volume's size is at least 1 GiB")]
    NoSize,
    /// The volume would be smaller than what it is made from.
    #[error("a volume of {size} is smaller than the image {image} with its {image_size}")]
    SmallerThanImage {
        /// What was asked for.
        size: Gib,
        /// The image.
        image: ImageId,
        /// The image's disk.
        image_size: Bytes,
    },
    /// There is no such image.
    #[error("the image {0} has no file")]
    NoImage(ImageId),
    /// Only machine images are disks.
    #[error("the image {0} is not a disk")]
    NotADisk(ImageId),
    /// There is no such snapshot.
    #[error("the snapshot {0} has no file")]
    NoSnapshot(SnapshotId),
    /// A VMM gave more than its machine can have.
    #[error("the machine's {what} has {size}, more than {limit}")]
    Oversized {
        /// State or memory.
        what: &'static str,
        /// What it has.
        size: Bytes,
        /// The most.
        limit: Bytes,
    },
    /// There is no such saved machine.
    #[error("the saved machine {0} has no files")]
    NoSaved(SavedMachineId),
    /// There is no such volume.
    #[error("the volume {0} has no file")]
    NoVolume(VolumeId),
    /// The volume was branched too often.
    #[error("the volume {volume} has {limit} layers, the most there can be")]
    TooManyLayers {
        /// The volume.
        volume: VolumeId,
        /// The most layers.
        limit: usize,
    },
    /// A layer is bigger than the one above it, which no volume has of ours.
    #[error("a layer of the volume {0} is bigger than the one above it")]
    Shrunk(VolumeId),
    /// A file that is no layer's.
    #[error("{} is no layer", .0.display())]
    NoLayer(PathBuf),
    /// What a branch would share is still written to, or was merged into what is.
    #[error("the volume {volume} has no frozen layers below the number {below}")]
    NotFrozen {
        /// The volume.
        volume: VolumeId,
        /// The number.
        below: usize,
    },
    /// The host's file system failed.
    #[error("can't {what}")]
    Io {
        /// What was tried: a verb and its object.
        what: &'static str,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The work panicked or was cut off by the daemon's end.
    #[error("the work on storage was cut off")]
    Worker {
        /// The cause.
        #[source]
        source: tokio::task::JoinError,
    },
}

impl StorageError {
    /// For `map_err`: an error of the host's file system.
    pub(crate) fn io(what: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }

    /// Whether the file system said that it is full, or that a quota is.
    pub(crate) fn is_full(&self) -> bool {
        let (Self::Io { source, .. } | Self::Qcow2Content(source)) = self else { return false };
        matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
}

impl From<StorageError> for PortError {
    fn from(error: StorageError) -> Self {
        let what = error.to_string();
        match error {
            StorageError::Source { source, .. }
            | StorageError::Qcow2Content(source)
            | StorageError::Io { source, .. } => Self::new(what, source),
            StorageError::Qcow2(source) => Self::new(what, source),
            StorageError::Worker { source } => Self::new(what, source),
            _ => Self::plain(what),
        }
    }
}
