//! Keeping a volume's layers few. Each freezing of a volume puts one on top, and a machine can have only so many; so those
//! that are frozen are merged: in the background when they are many, and by whoever wants to put another on top where
//! there is no more room. What is merged is copied without anybody waiting for it; taking it up is a matter of moments, in
//! which a machine that uses the volume stands still.
//!
//! A volume that others share layers with is merged too. They keep what they have, so the bytes are there twice then.

use std::sync::Arc;

use cumulet_model::VolumeId;
use cumulet_model::volume::Volume;
use cumulet_ports::PortResult;
use tokio::sync::{Mutex, OwnedRwLockReadGuard, RwLock};
use tracing::{debug, warn};

use crate::cloud::Cloud;

/// From so many layers on, they are merged in the background.
const MANY: usize = 12;
/// With so many, another waits until they are merged; some are left for when that fails.
const FULL: usize = 28;

/// Who is at work on layers.
#[derive(Debug, Default)]
pub(crate) struct Layers {
    /// Held while layers are copied into one: one volume at a time, as it is the host's disk that works.
    merging: Mutex<()>,
    /// Held while merged layers are taken up, and by those who read frozen layers meanwhile.
    reading: Arc<RwLock<()>>,
}

/// A layer that was put on top of a volume.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Added {
    /// Its number: the layers with lower ones are beneath it.
    pub below: u32,
    /// Whether the volume has many.
    many: bool,
}

impl Layers {
    /// Has frozen layers stay as they are.
    pub async fn read(&self) -> OwnedRwLockReadGuard<()> {
        Arc::clone(&self.reading).read_owned().await
    }
}

impl Cloud {
    /// Puts an empty layer on top of a volume. [`Inner::taking`](crate::cloud::Inner) is held. What is
    /// beneath is frozen once the machine that uses the volume, if there is one, has been told.
    pub(crate) async fn add_layer(&self, volume: &Volume, has_machine: bool) -> PortResult<Added> {
        let storage = &self.inner.ports.storage;
        let count = storage.volume_chain(&volume.id).await?.layers.len();
        if count >= FULL
            && let Err(error) = self.merge_now(volume, has_machine).await
        {
            warn!(volume = %volume.id, error = error.chain(), "a volume's layers could not be merged");
        }
        let below = storage.branch_volume(&volume.id, volume.size).await?;
        Ok(Added { below, many: count >= MANY })
    }

    async fn merge_now(&self, volume: &Volume, has_machine: bool) -> PortResult<()> {
        let (storage, layers) = (&self.inner.ports.storage, &self.inner.layers);
        // Whatever became of earlier layers, the machine writes to the uppermost from here on.
        self.tell_machine(volume, has_machine).await?;
        let merging = layers.merging.lock().await;
        let more = storage.merge_layers(&volume.id, None).await?;
        drop(merging);
        if more {
            let _alone = layers.reading.write().await;
            storage.adopt_layers(&volume.id).await?;
        }
        Ok(())
    }

    /// Has the machine that uses a volume go on with the volume's files as they are now.
    pub(crate) async fn tell_machine(&self, volume: &Volume, has_machine: bool) -> PortResult<()> {
        let Some(attachment) = volume.attachment.as_ref().filter(|_| has_machine) else { return Ok(()) };
        let ports = &self.inner.ports;
        let chain = ports.storage.volume_chain(&volume.id).await?;
        ports.vms.swap_disks(&attachment.instance_id, vec![(volume.id.clone(), chain)]).await
    }

    /// The layers of a volume below this one are frozen: sees to it that they don't become too many.
    pub(crate) fn tend_layers(&self, id: &VolumeId, added: Added) {
        let Added { below, many: true } = added else { return };
        let (cloud, id, stop) = (self.clone(), id.clone(), self.inner.stop.clone());
        self.inner.tasks.spawn(async move {
            let tended = async {
                if let Err(error) = cloud.merge_layers(&id, below).await {
                    warn!(volume = %id, error = error.chain(), "a volume's layers could not be merged; the next freezing tries again");
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = tended => {}
            }
        });
    }

    async fn merge_layers(&self, id: &VolumeId, below: u32) -> PortResult<()> {
        let (storage, layers) = (&self.inner.ports.storage, &self.inner.layers);
        {
            let _merging = layers.merging.lock().await;
            if !storage.merge_layers(id, Some(below)).await? {
                return Ok(());
            }
        }
        let _taking = self.inner.taking.lock().await;
        let _alone = layers.reading.write().await;
        let _allocation = self.inner.allocation.lock().await;
        // Nobody may be about to open the files.
        let settled = async {
            let volume = self.volume(id).await?;
            let has_machine = self.can_freeze(&volume).await?;
            Ok::<_, cumulet_model::CloudError>((volume, has_machine))
        };
        match settled.await {
            Ok((volume, has_machine)) => {
                storage.adopt_layers(id).await?;
                self.tell_machine(&volume, has_machine).await
            }
            Err(why) => {
                debug!(volume = %id, why = why.message, "merged layers are taken up later");
                Ok(())
            }
        }
    }
}
