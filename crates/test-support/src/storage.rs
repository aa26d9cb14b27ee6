//! Storage that remembers which images and volumes it holds.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use cumulet_model::volume::VolumeSource;
use cumulet_model::{Bytes, Gib, ImageId, VolumeId};
use cumulet_ports::storage::{DiskChain, DiskFormat, DiskLayer, Imported, Inventory};
use cumulet_ports::{PortError, PortResult, Storage};

use crate::Faults;

/// The fake storage.
pub struct FakeStorage {
    faults: Faults,
    held: Mutex<(BTreeSet<ImageId>, BTreeSet<VolumeId>)>,
}

impl FakeStorage {
    pub(crate) fn new(faults: Faults) -> Self {
        Self { faults, held: Mutex::default() }
    }

    fn held(&self) -> MutexGuard<'_, (BTreeSet<ImageId>, BTreeSet<VolumeId>)> {
        self.held.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Ids of the volumes that are there.
    pub fn volumes(&self) -> Vec<VolumeId> {
        self.held().1.iter().cloned().collect()
    }
}

#[async_trait]
impl Storage for FakeStorage {
    async fn import_image(&self, id: &ImageId, source: &Path) -> PortResult<Imported> {
        self.faults.pass("storage.import_image")?;
        let bytes = std::fs::metadata(source).map_err(|error| PortError::new("no such source", error))?.len();
        self.held().0.insert(id.clone());
        Ok(Imported { size: Bytes(bytes) })
    }

    fn image_file(&self, id: &ImageId) -> PathBuf {
        PathBuf::from("/nowhere").join(id.as_str())
    }

    async fn delete_image(&self, id: &ImageId) -> PortResult<()> {
        self.faults.pass("storage.delete_image")?;
        self.held().0.remove(id);
        Ok(())
    }

    async fn create_volume(&self, id: &VolumeId, source: &VolumeSource, _size: Gib) -> PortResult<()> {
        self.faults.pass("storage.create_volume")?;
        let mut held = self.held();
        if let VolumeSource::Image(image) = source
            && !held.0.contains(image)
        {
            return Err(PortError::plain(format!("there is no image {image}")));
        }
        if let VolumeSource::Branch { volume, .. } = source
            && !held.1.contains(volume)
        {
            return Err(PortError::plain(format!("there is no volume {volume}")));
        }
        held.1.insert(id.clone());
        Ok(())
    }

    async fn branch_volume(&self, id: &VolumeId, _size: Gib) -> PortResult<u32> {
        self.faults.pass("storage.branch_volume")?;
        if !self.held().1.contains(id) {
            return Err(PortError::plain(format!("there is no volume {id}")));
        }
        Ok(1)
    }

    async fn volume_chain(&self, id: &VolumeId) -> PortResult<DiskChain> {
        self.faults.pass("storage.volume_chain")?;
        if !self.held().1.contains(id) {
            return Err(PortError::plain(format!("there is no volume {id}")));
        }
        let layer = DiskLayer { path: PathBuf::from("/nowhere").join(id.as_str()), format: DiskFormat::Raw };
        Ok(DiskChain { layers: vec![layer] })
    }

    async fn delete_volume(&self, id: &VolumeId) -> PortResult<()> {
        self.faults.pass("storage.delete_volume")?;
        self.held().1.remove(id);
        Ok(())
    }

    async fn inventory(&self) -> PortResult<Inventory> {
        let held = self.held();
        Ok(Inventory { images: held.0.iter().cloned().collect(), volumes: held.1.iter().cloned().collect() })
    }

    async fn free_space(&self) -> PortResult<Bytes> {
        Ok(Bytes(1 << 40))
    }
}
