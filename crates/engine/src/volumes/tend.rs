//! One task tends a volume that is being made or deleted, until it is what it is to be. The rows of such volumes start it
//! again after the daemon's death.

use std::time::Duration;

use cumulet_model::VolumeId;
use cumulet_model::volume::{Volume, VolumeState};
use cumulet_store::StoreError;
use tracing::{error, info, warn};

use crate::cloud::{Cloud, Result, internal};

impl Cloud {
    /// Tends a volume in the background.
    pub(crate) fn tend_volume(&self, id: &VolumeId) {
        let (cloud, id) = (self.clone(), id.clone());
        let stop = self.inner.stop.clone();
        self.inner.tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = tend(&cloud, &id) => {}
            }
        });
    }

    /// Takes up the volumes that were being made or deleted when the daemon died. Those that belong to a launch or a
    /// termination are their instances' drivers'.
    pub(crate) async fn take_up_volumes(&self) -> Result<()> {
        for volume in self.inner.store.volumes().await.map_err(internal)? {
            if volume.attachment.is_none() && is_under_way(&volume) {
                self.tend_volume(&volume.id);
            }
        }
        Ok(())
    }
}

fn is_under_way(volume: &Volume) -> bool {
    matches!(volume.state, VolumeState::Creating | VolumeState::Deleting)
}

async fn tend(cloud: &Cloud, id: &VolumeId) {
    let mut pause = Duration::from_secs(1);
    let drain = cloud.inner.drain.clone();
    while !drain.is_cancelled() {
        match step(cloud, id).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(why) => {
                warn!(volume = %id, error = why, retry_in = ?pause, "a step of a volume failed and is tried again");
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = drain.cancelled() => return,
                }
                pause = (pause * 2).min(Duration::from_secs(30));
            }
        }
    }
}

/// Does what comes next; false when there is nothing more to do.
async fn step(cloud: &Cloud, id: &VolumeId) -> std::result::Result<bool, String> {
    let inner = &cloud.inner;
    let store_failed = |error: StoreError| error.to_string();
    let Some(volume) = inner.store.volume(id).await.map_err(store_failed)? else { return Ok(false) };
    match volume.state {
        VolumeState::Creating => {
            let made = inner.ports.storage.create_volume(id, &volume.source, volume.size).await;
            if let Err(failure) = &made {
                error!(volume = %id, error = failure.chain(), "a volume could not be made");
            }
            let (state, reason) = match made {
                Ok(()) => (VolumeState::Available, None),
                Err(failure) if failure.transient => return Err(failure.chain()),
                Err(failure) => (VolumeState::Error, Some(failure.what)),
            };
            inner.store.set_volume_state(id, state, reason.as_deref()).await.map_err(store_failed)?;
            info!(volume = %id, state = state.as_str(), "the making of a volume has ended");
            Ok(false)
        }
        VolumeState::Deleting => {
            inner.ports.storage.delete_volume(id).await.map_err(|failure| failure.chain())?;
            inner.store.delete_volume(id).await.map_err(store_failed)?;
            info!(volume = %id, "a volume is deleted");
            Ok(false)
        }
        VolumeState::Available | VolumeState::InUse | VolumeState::Error => Ok(false),
    }
}
