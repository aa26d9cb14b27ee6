//! Storage that remembers which images and volumes it holds.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use cumulet_model::volume::VolumeSource;
use cumulet_model::{Bytes, Gib, ImageId, SavedMachineId, SnapshotId, VolumeId};
use cumulet_ports::storage::{DiskChain, DiskFormat, DiskLayer, Imported, Inventory, SavingFiles, Stored};
use cumulet_ports::vm_host::MachineBase;
use cumulet_ports::{PortError, PortResult, Storage};

use crate::Faults;

/// Images, volumes with their sizes, snapshots, and what was set aside.
#[derive(Default)]
struct Held(BTreeSet<ImageId>, BTreeMap<VolumeId, Gib>, BTreeSet<SnapshotId>, Vec<Stored>, Saved, Layers);

/// The numbers of volumes' layers, and those that are merged into a higher one when it is taken up.
type Layers = BTreeMap<VolumeId, (Vec<u32>, Vec<u32>)>;

/// The most layers of a volume.
const MAX_LAYERS: usize = 32;

/// Saved machines: their files, and whether they are finished.
type Saved = BTreeMap<SavedMachineId, (File, File, bool)>;

/// The fake storage.
pub struct FakeStorage {
    faults: Faults,
    held: Mutex<Held>,
}

impl FakeStorage {
    pub(crate) fn new(faults: Faults) -> Self {
        Self { faults, held: Mutex::default() }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Ids of the volumes that are there.
    pub fn volumes(&self) -> Vec<VolumeId> {
        self.held().1.keys().cloned().collect()
    }

    /// Ids of the snapshots that are there.
    pub fn snapshots(&self) -> Vec<SnapshotId> {
        self.held().2.iter().cloned().collect()
    }

    /// Ids of the saved machines that are there, finished or not.
    pub fn saved(&self) -> Vec<SavedMachineId> {
        self.held().4.keys().cloned().collect()
    }

    /// The files of a saved machine are lost.
    pub fn lose_saved(&self, id: &SavedMachineId) {
        self.held().4.remove(id);
    }

    /// How big a volume's file is.
    pub fn size_of(&self, id: &VolumeId) -> Option<Gib> {
        self.held().1.get(id).copied()
    }

    /// How many layers a volume has.
    pub fn layers_of(&self, id: &VolumeId) -> usize {
        self.held().5.get(id).map_or(1, |(layers, _)| layers.len())
    }

    /// What was set aside.
    pub fn aside(&self) -> Vec<Stored> {
        self.held().3.clone()
    }

    /// A file that no row knows, as after a database was put back from a backup.
    pub fn leave_volume(&self, id: &VolumeId) {
        self.held().1.insert(id.clone(), Gib(1));
    }

    /// A file is lost.
    pub fn lose_volume(&self, id: &VolumeId) {
        self.held().1.remove(id);
    }
}

#[async_trait]
impl Storage for FakeStorage {
    async fn import_image(&self, id: &ImageId, source: &Path) -> PortResult<Imported> {
        self.faults.pass("storage.import_image").await?;
        let bytes = std::fs::metadata(source).map_err(|error| PortError::new("no such source", error))?.len();
        self.held().0.insert(id.clone());
        Ok(Imported { size: Bytes(bytes) })
    }

    fn image_file(&self, id: &ImageId) -> PathBuf {
        PathBuf::from("/nowhere").join(id.as_str())
    }

    async fn delete_image(&self, id: &ImageId) -> PortResult<()> {
        self.faults.pass("storage.delete_image").await?;
        self.held().0.remove(id);
        Ok(())
    }

    async fn create_volume(&self, id: &VolumeId, source: &VolumeSource, size: Gib) -> PortResult<()> {
        self.faults.pass("storage.create_volume").await?;
        let mut held = self.held();
        if held.1.contains_key(id) {
            return Ok(());
        }
        if let VolumeSource::Image(image) = source
            && !held.0.contains(image)
        {
            return Err(PortError::plain(format!("there is no image {image}")));
        }
        if let VolumeSource::Branch { volume, .. } = source
            && !held.1.contains_key(volume)
        {
            return Err(PortError::plain(format!("there is no volume {volume}")));
        }
        if let VolumeSource::Snapshot(snapshot) = source
            && !held.2.contains(snapshot)
        {
            return Err(PortError::plain(format!("there is no snapshot {snapshot}")));
        }
        held.1.entry(id.clone()).or_insert(size);
        Ok(())
    }

    async fn branch_volume(&self, id: &VolumeId, _size: Gib) -> PortResult<u32> {
        self.faults.pass("storage.branch_volume").await?;
        let mut held = self.held();
        if !held.1.contains_key(id) {
            return Err(PortError::plain(format!("there is no volume {id}")));
        }
        let (layers, _) = held.5.entry(id.clone()).or_insert_with(|| (vec![0], Vec::new()));
        if layers.len() >= MAX_LAYERS {
            return Err(PortError::plain(format!("the volume {id} has too many layers")));
        }
        let number = layers.last().map_or(0, |top| top + 1);
        layers.push(number);
        Ok(number)
    }

    async fn merge_layers(&self, id: &VolumeId, below: Option<u32>) -> PortResult<bool> {
        self.faults.pass("storage.merge_layers").await?;
        let mut held = self.held();
        let Some((layers, hidden)) = held.5.get_mut(id) else { return Ok(false) };
        let below = below.or(layers.last().copied()).unwrap_or_default();
        let frozen = layers.iter().filter(|number| (1..below).contains(*number)).copied();
        *hidden = frozen.collect();
        hidden.pop();
        Ok(!hidden.is_empty())
    }

    async fn adopt_layers(&self, id: &VolumeId) -> PortResult<()> {
        self.faults.pass("storage.adopt_layers").await?;
        if let Some((layers, hidden)) = self.held().5.get_mut(id) {
            layers.retain(|number| !hidden.contains(number));
            hidden.clear();
        }
        Ok(())
    }

    async fn grow_volume(&self, id: &VolumeId, size: Gib) -> PortResult<()> {
        self.faults.pass("storage.grow_volume").await?;
        let mut held = self.held();
        let now = held.1.get_mut(id).ok_or_else(|| PortError::plain(format!("there is no volume {id}")))?;
        *now = size.max(*now);
        Ok(())
    }

    async fn take_snapshot(&self, id: &SnapshotId, of: &VolumeId, _below: u32) -> PortResult<()> {
        self.faults.pass("storage.take_snapshot").await?;
        let mut held = self.held();
        if !held.1.contains_key(of) {
            return Err(PortError::plain(format!("there is no volume {of}")));
        }
        held.2.insert(id.clone());
        Ok(())
    }

    async fn image_from_volume(&self, id: &ImageId, of: &VolumeId, _below: u32) -> PortResult<Imported> {
        self.faults.pass("storage.image_from_volume").await?;
        let mut held = self.held();
        let size = *held.1.get(of).ok_or_else(|| PortError::plain(format!("there is no volume {of}")))?;
        held.0.insert(id.clone());
        Ok(Imported { size: size.bytes() })
    }

    async fn delete_snapshot(&self, id: &SnapshotId) -> PortResult<()> {
        self.faults.pass("storage.delete_snapshot").await?;
        self.held().2.remove(id);
        Ok(())
    }

    async fn begin_saving(&self, id: &SavedMachineId, _memory: Bytes) -> PortResult<SavingFiles> {
        self.faults.pass("storage.begin_saving").await?;
        let (state, memory) = (temporary()?, temporary()?);
        let files = SavingFiles { state: clone_of(&state)?.into(), memory: clone_of(&memory)?.into() };
        self.held().4.insert(id.clone(), (state, memory, false));
        Ok(files)
    }

    async fn finish_saving(&self, id: &SavedMachineId) -> PortResult<()> {
        self.faults.pass("storage.finish_saving").await?;
        match self.held().4.get_mut(id) {
            Some((_, _, finished)) => *finished = true,
            None => return Err(PortError::plain("nothing was begun")),
        }
        self.faults.done("storage.finish_saving").await;
        Ok(())
    }

    async fn keep_machine(
        &self,
        id: &SavedMachineId,
        machine: &MachineBase,
        _memory: Bytes,
    ) -> PortResult<()> {
        self.faults.pass("storage.keep_machine").await?;
        let other = |file: &std::os::fd::OwnedFd| file.try_clone().map(File::from);
        let failed = |error| PortError::new("no other descriptor", error);
        let files = (other(&machine.state).map_err(failed)?, other(&machine.memory).map_err(failed)?, true);
        self.held().4.insert(id.clone(), files);
        Ok(())
    }

    async fn open_saved(&self, id: &SavedMachineId) -> PortResult<MachineBase> {
        self.faults.pass("storage.open_saved").await?;
        let held = self.held();
        let Some((state, memory, true)) = held.4.get(id) else {
            return Err(PortError::plain(format!("the saved machine {id} has no files")));
        };
        let (state, memory) = (clone_of(state)?, clone_of(memory)?);
        Ok(MachineBase {
            state: Arc::new(state.into()),
            memory: Arc::new(memory.into()),
            touched: Default::default(),
        })
    }

    async fn delete_saved(&self, id: &SavedMachineId) -> PortResult<()> {
        self.faults.pass("storage.delete_saved").await?;
        self.held().4.remove(id);
        Ok(())
    }

    async fn set_aside(&self, what: &Stored) -> PortResult<()> {
        self.faults.pass("storage.set_aside").await?;
        let mut held = self.held();
        match what {
            Stored::Image(id) => drop(held.0.remove(id)),
            Stored::Volume(id) => drop(held.1.remove(id)),
            Stored::Snapshot(id) => drop(held.2.remove(id)),
        }
        held.3.push(what.clone());
        Ok(())
    }

    async fn volume_chain(&self, id: &VolumeId) -> PortResult<DiskChain> {
        self.faults.pass("storage.volume_chain").await?;
        if !self.held().1.contains_key(id) {
            return Err(PortError::plain(format!("there is no volume {id}")));
        }
        let layer = DiskLayer { path: PathBuf::from("/nowhere").join(id.as_str()), format: DiskFormat::Raw };
        Ok(DiskChain { layers: vec![layer; self.layers_of(id)] })
    }

    async fn delete_volume(&self, id: &VolumeId) -> PortResult<()> {
        self.faults.pass("storage.delete_volume").await?;
        self.held().1.remove(id);
        Ok(())
    }

    async fn inventory(&self) -> PortResult<Inventory> {
        let held = self.held();
        Ok(Inventory {
            images: held.0.iter().cloned().collect(),
            volumes: held.1.keys().cloned().collect(),
            snapshots: held.2.iter().cloned().collect(),
            saved: held.4.iter().filter(|(_, files)| files.2).map(|(id, _)| id.clone()).collect(),
        })
    }

    async fn free_space(&self) -> PortResult<Bytes> {
        Ok(Bytes(1 << 40))
    }
}

fn temporary() -> PortResult<File> {
    tempfile::tempfile().map_err(|error| PortError::new("no temporary file", error))
}

fn clone_of(file: &File) -> PortResult<File> {
    file.try_clone().map_err(|error| PortError::new("no other descriptor", error))
}
