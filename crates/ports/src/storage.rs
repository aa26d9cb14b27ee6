//! The storage port: image files and volumes.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use cumulet_model::volume::VolumeSource;
use cumulet_model::{Bytes, Gib, ImageId, SavedMachineId, SnapshotId, VolumeId};

use crate::PortResult;
use crate::vm_host::MachineBase;

/// How a layer of a disk is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DiskFormat {
    /// The bytes themselves.
    Raw,
    /// QEMU's copy-on-write format, version 2 or 3.
    Qcow2,
}

/// One file of a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskLayer {
    /// The file.
    pub path: PathBuf,
    /// How it is stored.
    pub format: DiskFormat,
}

/// A disk as its files: the first is written to, each further one backs the one before it and is only read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskChain {
    /// Layers, top first; never empty.
    pub layers: Vec<DiskLayer>,
}

/// What an import brought in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The disk's size as a guest sees it, or the file's for kernels and ramdisks.
    pub size: Bytes,
}

/// What storage holds, for reconciliation with the rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inventory {
    /// Complete image files.
    pub images: Vec<ImageId>,
    /// Complete volumes.
    pub volumes: Vec<VolumeId>,
    /// Complete snapshots.
    pub snapshots: Vec<SnapshotId>,
    /// Complete saved machines.
    pub saved: Vec<SavedMachineId>,
}

/// Two empty files that a machine is to be saved to.
#[derive(Debug)]
pub struct SavingFiles {
    /// For registers and devices.
    pub state: OwnedFd,
    /// For the guest's memory.
    pub memory: OwnedFd,
}

/// Something that storage holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// An image.
    Image(ImageId),
    /// A volume.
    Volume(VolumeId),
    /// A snapshot.
    Snapshot(SnapshotId),
}

/// The host's storage. A file is complete before a call that makes it returns: write, fsync, rename; an interrupted
/// call leaves only temporary files, which the next start removes.
#[async_trait]
pub trait Storage: Send + Sync + 'static {
    /// Brings in a file as the image of that id: for a machine image a raw or qcow2 disk (told by its content; a
    /// qcow2 that names a backing or data file is refused), for a kernel or ramdisk the file as it is.
    async fn import_image(&self, id: &ImageId, source: &Path) -> PortResult<Imported>;

    /// The file of a kernel or ramdisk image.
    fn image_file(&self, id: &ImageId) -> PathBuf;

    /// Removes an image's file; volumes cloned from it live on. No such file is a success.
    async fn delete_image(&self, id: &ImageId) -> PortResult<()>;

    /// Makes a volume of `size`, at least its source's. A volume that is there already is a success.
    async fn create_volume(&self, id: &VolumeId, source: &VolumeSource, size: Gib) -> PortResult<()>;

    /// Freezes a volume of `size` as it is: puts an empty layer on top of it, and gives that one's number. The
    /// caller sees to it that what runs on the volume writes to the new layer before anything that is made from the frozen
    /// ones by [`VolumeSource::Branch`] is used; until then the volume reads as before, whichever of the two is written to.
    async fn branch_volume(&self, id: &VolumeId, size: Gib) -> PortResult<u32>;

    /// Makes a volume that no machine has open as big as `size`; one that is as big already is a success. A volume never
    /// gets smaller.
    async fn grow_volume(&self, id: &VolumeId, size: Gib) -> PortResult<()>;

    /// Writes layers of a volume into one, for [`Storage::adopt_layers`], where there are such that should be: of those
    /// below the one with the number `below`, or below the top. They must be frozen. True when there is something to be
    /// adopted. The volume may be in use. One call at a time for a volume.
    async fn merge_layers(&self, id: &VolumeId, below: Option<u32>) -> PortResult<bool>;

    /// Puts what [`Storage::merge_layers`] has made in the place of what it is made of; the volume reads as before. The
    /// caller sees to it that nobody is about to open or share the volume's files. What has them open can go on with them.
    async fn adopt_layers(&self, id: &VolumeId) -> PortResult<()>;

    /// Keeps the layers of a volume below the one that [`Storage::branch_volume`] has put on them as a snapshot, which outlives
    /// the volume. A snapshot that is there already is a success.
    async fn take_snapshot(&self, id: &SnapshotId, of: &VolumeId, below: u32) -> PortResult<()>;

    /// Makes a machine image of the layers of a volume below the one that [`Storage::branch_volume`] has put on them. An image
    /// that is there already is a success.
    async fn image_from_volume(&self, id: &ImageId, of: &VolumeId, below: u32) -> PortResult<Imported>;

    /// Removes a snapshot; volumes made from it live on. No such snapshot is a success.
    async fn delete_snapshot(&self, id: &SnapshotId) -> PortResult<()>;

    /// Makes the files that a machine with so much memory is to be saved to, when there is room for all of it. They are
    /// nobody's until [`Storage::finish_saving`].
    async fn begin_saving(&self, id: &SavedMachineId, memory: Bytes) -> PortResult<SavingFiles>;

    /// The machine is in its files: puts them in their place, synced.
    async fn finish_saving(&self, id: &SavedMachineId) -> PortResult<()>;

    /// Copies a machine that was taken into files, when there is room; complete when this returns. What it is taken from is
    /// no longer than `memory` and what belongs to it.
    async fn keep_machine(&self, id: &SavedMachineId, machine: &MachineBase, memory: Bytes)
    -> PortResult<()>;

    /// Opens the files of a saved machine.
    async fn open_saved(&self, id: &SavedMachineId) -> PortResult<MachineBase>;

    /// Removes a saved machine, finished or not; machines that began from it keep what they have open. No such saved
    /// machine is a success.
    async fn delete_saved(&self, id: &SavedMachineId) -> PortResult<()>;

    /// Moves something that no row knows out of the way, without removing it. Nothing there is a success.
    async fn set_aside(&self, what: &Stored) -> PortResult<()>;

    /// The files of a volume.
    async fn volume_chain(&self, id: &VolumeId) -> PortResult<DiskChain>;

    /// Removes a volume. No such volume is a success.
    async fn delete_volume(&self, id: &VolumeId) -> PortResult<()>;

    /// What is there.
    async fn inventory(&self) -> PortResult<Inventory>;

    /// Free bytes where volumes are kept.
    async fn free_space(&self) -> PortResult<Bytes>;
}
