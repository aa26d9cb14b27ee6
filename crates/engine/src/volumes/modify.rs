//! Modifying a volume: more room, another type, other figures, also while a guest uses it. The modification is written
//! first; a volume by itself is changed here, one of an instance by the instance's driver.

use cumulet_model::volume::{ModificationState, Volume, VolumeModification, VolumeShape, VolumeState};
use cumulet_model::volume_type::Performance;
use cumulet_model::{CloudError, ErrorCode};
use tracing::{info, warn};

use super::incorrect_state;
use crate::api::volume::ModifyVolume;
use crate::cloud::{Cloud, Result, internal};

impl Cloud {
    /// The last modification of each volume.
    pub async fn volume_modifications(&self) -> Result<Vec<VolumeModification>> {
        self.inner.store.volume_modifications().await.map_err(internal)
    }

    /// Modifies a volume. EC2's rest of six hours between two modifications is not kept: nothing has to be moved here.
    pub async fn modify_volume(&self, request: ModifyVolume) -> Result<VolumeModification> {
        let _allocation = self.inner.allocation.lock().await;
        let id = &request.volume_id;
        let volume = self.volume(id).await?;
        if !matches!(volume.state, VolumeState::Available | VolumeState::InUse) {
            let text = format!("Volume '{id}' is in the '{}' state.", volume.state.as_str());
            return Err(incorrect_state(text));
        }
        let store = &self.inner.store;
        let before = store.volume_modification(id).await.map_err(internal)?;
        if before.is_some_and(|before| before.state == ModificationState::Modifying) {
            let text = format!("Volume '{id}' is being modified; wait until that is completed");
            return Err(CloudError::new(ErrorCode::IncorrectModificationState, text));
        }
        let modification = VolumeModification {
            volume_id: id.clone(),
            state: ModificationState::Modifying,
            message: None,
            original: volume.shape(),
            target: target(&volume, &request)?,
            started: self.inner.clock.now(),
            ended: None,
        };
        store.begin_modification(&modification).await.map_err(internal)?;
        info!(volume = %id, "a volume is to be modified");
        match &volume.attachment {
            Some(attachment) => self.poke(&attachment.instance_id),
            None => self.modify_by_itself(volume, &modification).await?,
        }
        Ok(modification)
    }

    /// Changes a volume that no machine has, and writes what became of it. Nobody may attach it meanwhile.
    pub(crate) async fn modify_by_itself(
        &self,
        volume: Volume,
        modification: &VolumeModification,
    ) -> Result<()> {
        let grown = match modification.target.size > volume.size {
            true => self.inner.ports.storage.grow_volume(&volume.id, modification.target.size).await,
            false => Ok(()),
        };
        if let Err(failure) = &grown {
            warn!(volume = %volume.id, error = failure.chain(), "a volume could not be grown");
        }
        let failure = grown.err().map(|failure| failure.what);
        self.end_modification(volume, modification.target, failure.as_deref()).await.map_err(internal)
    }

    /// Writes the end of a modification.
    pub(crate) async fn end_modification(
        &self,
        volume: Volume,
        target: VolumeShape,
        failure: Option<&str>,
    ) -> cumulet_store::StoreResult<()> {
        let volume = Volume { size: target.size, performance: target.performance, ..volume };
        info!(volume = %volume.id, failure, "a volume's modification has ended");
        self.inner.store.end_modification(&volume, failure, self.inner.clock.now()).await
    }

    /// Takes up the modifications of volumes without an instance that the daemon's death cut off.
    pub(crate) async fn take_up_modifications(&self) -> Result<()> {
        for modification in self.volume_modifications().await? {
            if modification.state != ModificationState::Modifying {
                continue;
            }
            let Ok(volume) = self.volume(&modification.volume_id).await else { continue };
            if volume.attachment.is_none() {
                self.modify_by_itself(volume, &modification).await?;
            }
        }
        Ok(())
    }
}

/// What the volume is to be.
fn target(volume: &Volume, request: &ModifyVolume) -> Result<VolumeShape> {
    let nothing = request.size.is_none()
        && request.kind.is_none()
        && request.iops.is_none()
        && request.throughput.is_none();
    if nothing {
        return Err(CloudError::missing("Size, VolumeType, Iops or Throughput"));
    }
    let size = request.size.unwrap_or(volume.size);
    if size < volume.size {
        return Err(CloudError::invalid_value(format!(
            "New size cannot be smaller than existing size: {} is {}",
            volume.id, volume.size
        )));
    }
    let kind = request.kind.unwrap_or(volume.performance.kind);
    // Figures of another type mean nothing to the new one, and gp2's follow its size.
    let kept = |figure: Option<u32>| {
        figure.filter(|_| {
            kind == volume.performance.kind && kind != cumulet_model::volume_type::VolumeType::Gp2
        })
    };
    let iops = request.iops.or(kept(volume.performance.iops));
    let throughput = request.throughput.or(kept(volume.performance.throughput));
    Ok(VolumeShape { size, performance: Performance::new(kind, size, iops, throughput)? })
}
