//! Taking stock at the start: what storage holds against what the rows say. Files without rows are set aside, for they
//! may be somebody's data; rows without files say so, so that nobody waits for them in vain.

use std::collections::HashSet;

use cumulet_model::image::ImageState;
use cumulet_model::saved_machine::SavedMachineState;
use cumulet_model::snapshot::SnapshotState;
use cumulet_model::volume::VolumeState;
use cumulet_ports::storage::{Inventory, Stored};
use tracing::{error, warn};

use crate::cloud::{Cloud, Result, internal, port_failed};
use crate::hibernate::forget;
use crate::saved::layers_of;

const LOST: &str = "its file is gone from the host's storage";

impl Cloud {
    /// Compares storage with the rows. To be called before anything is made or removed.
    pub(crate) async fn reconcile_storage(&self) -> Result<()> {
        let inventory = self.inner.ports.storage.inventory().await.map_err(port_failed)?;
        self.lost_files(&inventory).await?;
        self.stale_memory(&inventory).await?;
        self.foreign_files(inventory).await
    }

    async fn lost_files(&self, inventory: &Inventory) -> Result<()> {
        let store = &self.inner.store;
        let there: HashSet<_> = inventory.volumes.iter().collect();
        for volume in store.volumes().await.map_err(internal)? {
            // One that is being made or deleted may lack its file, and whoever does that goes on with it.
            let complete = matches!(volume.state, VolumeState::Available | VolumeState::InUse);
            if !complete || there.contains(&volume.id) {
                continue;
            }
            error!(volume = %volume.id, "a volume's file is gone");
            let state = if volume.attachment.is_some() { volume.state } else { VolumeState::Error };
            store.set_volume_state(&volume.id, state, Some(LOST)).await.map_err(internal)?;
        }
        let there: HashSet<_> = inventory.snapshots.iter().collect();
        for snapshot in store.snapshots().await.map_err(internal)? {
            if snapshot.state == SnapshotState::Completed && !there.contains(&snapshot.id) {
                error!(snapshot = %snapshot.id, "a snapshot's files are gone");
                store.lose_snapshot(&snapshot.id, LOST).await.map_err(internal)?;
            }
        }
        let saved: HashSet<_> = inventory.saved.iter().collect();
        for machine in store.saved_machines().await.map_err(internal)? {
            let whole =
                saved.contains(&machine.id) && layers_of(&machine).all(|layers| there.contains(layers));
            if machine.state == SavedMachineState::Available && !whole {
                error!(saved = %machine.id, "a saved machine's files are gone");
                let state = SavedMachineState::Failed;
                store.set_saved_machine_state(&machine.id, state, Some(LOST)).await.map_err(internal)?;
            }
        }
        let there: HashSet<_> = inventory.images.iter().collect();
        for image in store.images().await.map_err(internal)? {
            if image.state == ImageState::Available && !there.contains(&image.id) {
                error!(image = %image.id, "an image's file is gone");
                store.lose_image(&image.id, LOST).await.map_err(internal)?;
            }
        }
        Ok(())
    }

    /// Memory that no row names is of a stop that was cut off, or of a machine that has gone on since. It is of no use to
    /// anybody, and would ruin the disks that it was once of.
    async fn stale_memory(&self, inventory: &Inventory) -> Result<()> {
        let records = self.inner.store.instances().await.map_err(internal)?;
        let mut known: HashSet<_> = records.into_iter().filter_map(|record| record.saved).collect();
        let machines = self.inner.store.saved_machines().await.map_err(internal)?;
        known.extend(machines.into_iter().map(|record| record.id));
        for id in inventory.saved.iter().filter(|id| !known.contains(id)) {
            warn!(saved = %id, "storage held memory that no instance goes on from; it is removed");
            forget(self, id).await;
        }
        Ok(())
    }

    async fn foreign_files(&self, inventory: Inventory) -> Result<()> {
        let store = &self.inner.store;
        let mut known = HashSet::new();
        known
            .extend(store.volumes().await.map_err(internal)?.into_iter().map(|volume| volume.id.to_string()));
        known.extend(store.images().await.map_err(internal)?.into_iter().map(|image| image.id.to_string()));
        known
            .extend(store.snapshots().await.map_err(internal)?.into_iter().map(|taken| taken.id.to_string()));
        let machines = store.saved_machines().await.map_err(internal)?;
        known.extend(machines.iter().flat_map(layers_of).map(ToString::to_string));
        let volumes = inventory.volumes.into_iter().map(|id| (id.to_string(), Stored::Volume(id)));
        let images = inventory.images.into_iter().map(|id| (id.to_string(), Stored::Image(id)));
        let snapshots = inventory.snapshots.into_iter().map(|id| (id.to_string(), Stored::Snapshot(id)));
        for (id, stored) in volumes.chain(images).chain(snapshots) {
            if known.contains(&id) {
                continue;
            }
            match self.inner.ports.storage.set_aside(&stored).await {
                Ok(()) => warn!(id, "storage held what no row knows; it was set aside in quarantine"),
                Err(failure) => {
                    error!(
                        id,
                        error = failure.chain(),
                        "storage holds what no row knows, and it can't be set aside"
                    );
                }
            }
        }
        Ok(())
    }
}
