//! Storage on the host: image files and volumes under one state directory, which is one file system.
//!
//! ```text
//! images/<ami>/disk.raw                 a machine image's disk, whatever it was imported from
//! images/<aki|ari>/file                 a kernel or a ramdisk as it came
//! volumes/<vol>/disk.raw                a blank volume, or a reflink clone of an image
//! volumes/<vol>/disk.qcow2 + base.raw   an overlay and the image's disk, hard-linked: it outlives the image
//! volumes/<vol>/layer-<n>.qcow2         further overlays above those, the highest on top; frozen ones are hard-linked
//!                                       by the volumes that branched off them; numbers go where layers were merged
//! volumes/<vol>/merged-<n>-<m>.qcow2    what layers were merged to, before it takes the place of the highest of them
//! saved/<sm>/state + memory             a saved machine: registers and devices, and its memory with holes
//! tmp/<n>/                              what is being made or removed
//! ```
//!
//! A directory under one of the others is complete: it was made in `tmp`, synced, and renamed into place. It leaves
//! by a rename into `tmp` and is removed there. So whatever is in `tmp` at the start is litter. The state directory
//! belongs to one process at a time; the daemon's lock sees to that.
#![forbid(unsafe_code)]

mod branch;
mod convert;
mod copy;
mod draft;
mod error;
mod flatten;
mod grow;
mod image;
mod layout;
mod merge;
mod overlay;
pub mod qcow2;
mod saved;
mod set_aside;
mod snapshot;
mod sniff;
mod space;
mod volume;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use cumulet_model::volume::VolumeSource;
use cumulet_model::{Bytes, Gib, ImageId, SavedMachineId, SnapshotId, VolumeId};
use cumulet_ports::storage::{DiskChain, Imported, Inventory, SavingFiles, Storage, Stored};
use cumulet_ports::vm_host::MachineBase;
use cumulet_ports::{PortError, PortResult};

pub use error::StorageError;
use layout::Layout;
use saved::Unfinished;

/// The biggest disk that is made or taken in: 64 TiB, EBS's own limit.
pub const MAX_DISK: Bytes = Bytes(64 << 40);

/// Where storage lives and what it leaves free.
#[derive(Debug, Clone)]
pub struct StorageConfig {
    /// Directory of `images`, `volumes` and `tmp`; made when it isn't there.
    pub state_dir: PathBuf,
    /// Bytes of the file system that an import leaves free, for the database and for the guests' own writes.
    pub reserve: Bytes,
}

impl StorageConfig {
    /// The usual reserve of 256 MiB.
    pub fn new(state_dir: impl Into<PathBuf>) -> Self {
        Self { state_dir: state_dir.into(), reserve: Bytes(256 << 20) }
    }
}

/// [`Storage`] on a directory of this host. Cheap to clone.
#[derive(Debug, Clone)]
pub struct HostStorage {
    layout: Arc<Layout>,
    unfinished: Arc<Unfinished>,
}

impl HostStorage {
    /// Makes the directories that aren't there and removes what interrupted calls left behind. Blocking, and to be
    /// called once, before anything else uses the state directory.
    pub fn open(config: StorageConfig) -> Result<Self, StorageError> {
        Ok(Self { layout: Arc::new(Layout::open(config)?), unfinished: Arc::default() })
    }

    /// Runs file work on a thread that may block. Work goes on to its end when the caller goes away, so that a call is
    /// never half done.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Layout) -> Result<T, StorageError> + Send + 'static,
    ) -> PortResult<T> {
        let layout = Arc::clone(&self.layout);
        let done = tokio::task::spawn_blocking(move || work(&layout)).await;
        done.unwrap_or_else(|source| Err(StorageError::Worker { source })).map_err(PortError::from)
    }
}

#[async_trait]
impl Storage for HostStorage {
    async fn import_image(&self, id: &ImageId, source: &Path) -> PortResult<Imported> {
        let (id, source) = (id.clone(), source.to_owned());
        self.blocking(move |layout| image::import(layout, &id, &source)).await
    }

    fn image_file(&self, id: &ImageId) -> PathBuf {
        self.layout.image_file(id)
    }

    async fn delete_image(&self, id: &ImageId) -> PortResult<()> {
        let id = id.clone();
        self.blocking(move |layout| image::delete(layout, &id)).await
    }

    async fn create_volume(&self, id: &VolumeId, source: &VolumeSource, size: Gib) -> PortResult<()> {
        let (id, source) = (id.clone(), source.clone());
        self.blocking(move |layout| volume::create(layout, &id, &source, size)).await
    }

    async fn branch_volume(&self, id: &VolumeId, size: Gib) -> PortResult<u32> {
        let id = id.clone();
        self.blocking(move |layout| branch::freeze(layout, &id, size)).await
    }

    async fn merge_layers(&self, id: &VolumeId, below: Option<u32>) -> PortResult<bool> {
        let id = id.clone();
        self.blocking(move |layout| merge::merge(layout, &id, below)).await
    }

    async fn adopt_layers(&self, id: &VolumeId) -> PortResult<()> {
        let id = id.clone();
        self.blocking(move |layout| merge::adopt(layout, &id)).await
    }

    async fn grow_volume(&self, id: &VolumeId, size: Gib) -> PortResult<()> {
        let id = id.clone();
        self.blocking(move |layout| grow::grow(layout, &id, size.bytes())).await
    }

    async fn take_snapshot(&self, id: &SnapshotId, of: &VolumeId, below: u32) -> PortResult<()> {
        let (id, of) = (id.clone(), of.clone());
        self.blocking(move |layout| snapshot::take(layout, &id, &of, below)).await
    }

    async fn image_from_volume(&self, id: &ImageId, of: &VolumeId, below: u32) -> PortResult<Imported> {
        let (id, of) = (id.clone(), of.clone());
        self.blocking(move |layout| flatten::image_from(layout, &id, &of, below)).await
    }

    async fn delete_snapshot(&self, id: &SnapshotId) -> PortResult<()> {
        let id = id.clone();
        self.blocking(move |layout| snapshot::delete(layout, &id)).await
    }

    async fn begin_saving(&self, id: &SavedMachineId, memory: Bytes) -> PortResult<SavingFiles> {
        let (id, unfinished) = (id.clone(), Arc::clone(&self.unfinished));
        self.blocking(move |layout| unfinished.begin(layout, &id, memory)).await
    }

    async fn finish_saving(&self, id: &SavedMachineId) -> PortResult<()> {
        let (id, unfinished) = (id.clone(), Arc::clone(&self.unfinished));
        self.blocking(move |layout| unfinished.finish(layout, &id)).await
    }

    async fn keep_machine(
        &self,
        id: &SavedMachineId,
        machine: &MachineBase,
        memory: Bytes,
    ) -> PortResult<()> {
        let (id, machine, unfinished) = (id.clone(), machine.clone(), Arc::clone(&self.unfinished));
        self.blocking(move |layout| unfinished.keep(layout, &id, &machine, memory)).await
    }

    async fn open_saved(&self, id: &SavedMachineId) -> PortResult<MachineBase> {
        let id = id.clone();
        self.blocking(move |layout| saved::open(layout, &id)).await
    }

    async fn delete_saved(&self, id: &SavedMachineId) -> PortResult<()> {
        let (id, unfinished) = (id.clone(), Arc::clone(&self.unfinished));
        self.blocking(move |layout| unfinished.delete(layout, &id)).await
    }

    async fn set_aside(&self, what: &Stored) -> PortResult<()> {
        let what = what.clone();
        let place = move |layout: &Layout| match &what {
            Stored::Image(id) => layout.image_dir(id),
            Stored::Volume(id) => layout.volume_dir(id),
            Stored::Snapshot(id) => layout.snapshot_dir(id),
        };
        self.blocking(move |layout| set_aside::set_aside(layout, &place(layout))).await
    }

    async fn volume_chain(&self, id: &VolumeId) -> PortResult<DiskChain> {
        let id = id.clone();
        self.blocking(move |layout| volume::chain(layout, &id)).await
    }

    async fn delete_volume(&self, id: &VolumeId) -> PortResult<()> {
        let id = id.clone();
        self.blocking(move |layout| volume::delete(layout, &id)).await
    }

    async fn inventory(&self) -> PortResult<Inventory> {
        self.blocking(|layout| {
            Ok(Inventory {
                images: layout.ids(layout.images())?,
                volumes: layout.ids(layout.volumes())?,
                snapshots: layout.ids(layout.snapshots())?,
                saved: layout.ids(layout.saved())?,
            })
        })
        .await
    }

    async fn free_space(&self) -> PortResult<Bytes> {
        self.blocking(|layout| layout.space().free()).await
    }
}
