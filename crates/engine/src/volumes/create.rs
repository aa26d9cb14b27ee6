//! Making and deleting volumes.

use cumulet_model::tag::check_tags;
use cumulet_model::volume::{Volume, VolumeSource, VolumeState};
use cumulet_model::volume_type::Performance;
use cumulet_model::{CloudError, ErrorCode, Gib, VolumeId};
use cumulet_store::StoreError;
use tracing::info;

use super::{incorrect_state, no_volume};
use crate::api::volume::CreateVolume;
use crate::cloud::{ChangeError, Cloud, Result, internal};
use crate::idempotent::token_of;

/// The most volumes of this cloud.
const MAX_VOLUMES: usize = 5_000;

impl Cloud {
    /// Makes a volume: the answer is creating, and becomes available or error when its file has been made. The same
    /// client token with the same parameters gives the same volume.
    pub async fn create_volume(&self, request: CreateVolume) -> Result<Volume> {
        let _allocation = self.inner.allocation.lock().await;
        let token = token_of("CreateVolume", request.client_token.as_deref(), &request);
        if let Some(id) = self.made_before(token.as_ref()).await? {
            let id: VolumeId =
                id.parse().map_err(|_| CloudError::internal("a request's token is damaged"))?;
            return self.volume(&id).await;
        }
        check_tags(&request.tags)?;
        self.check_zone(&request.zone)?;
        let size = self.size_of_new(&request).await?;
        let performance =
            Performance::new(request.kind.unwrap_or_default(), size, request.iops, request.throughput)?;
        if self.inner.store.volumes().await.map_err(internal)?.len() >= MAX_VOLUMES {
            let text = format!("You have exceeded your maximum volume limit of {MAX_VOLUMES}");
            return Err(CloudError::new(ErrorCode::VolumeLimitExceeded, text));
        }
        let volume = Volume {
            id: VolumeId::random(&mut rand::rng()),
            size,
            performance,
            state: VolumeState::Creating,
            reason: None,
            created: self.inner.clock.now(),
            zone: request.zone,
            source: request.snapshot_id.map_or(VolumeSource::Blank, VolumeSource::Snapshot),
            attachment: None,
            tags: request.tags,
        };
        self.inner.store.add_volume(&volume, token.as_ref()).await.map_err(internal)?;
        info!(volume = %volume.id, size = %volume.size, "a volume is to be made");
        self.tend_volume(&volume.id);
        Ok(volume)
    }

    /// Deletes a volume that is attached to nothing.
    pub async fn delete_volume(&self, id: &VolumeId) -> Result<()> {
        let changed = self.inner.store.change_volume::<ChangeError>(id, None, |volume, _| {
            if let Some(attachment) = &volume.attachment {
                let text = format!("Volume {id} is currently attached to {}", attachment.instance_id);
                return Err(CloudError::new(ErrorCode::VolumeInUse, text).into());
            }
            match volume.state {
                VolumeState::Creating => {
                    let text = format!("Volume '{id}' is creating; it can be deleted when it is available");
                    return Err(incorrect_state(text).into());
                }
                _ => volume.state = VolumeState::Deleting,
            }
            Ok(())
        });
        match changed.await {
            Ok(_) => {}
            Err(ChangeError::Store(StoreError::Gone(_))) => return Err(no_volume(id)),
            Err(error) => return Err(error.into()),
        }
        self.tend_volume(id);
        Ok(())
    }

    pub(crate) fn check_zone(&self, zone: &str) -> Result<()> {
        if self.region().zone(zone).is_some() {
            return Ok(());
        }
        let zone: String = zone.chars().take(64).collect();
        Err(CloudError::new(ErrorCode::InvalidZoneNotFound, format!("The zone '{zone}' does not exist.")))
    }

    async fn size_of_new(&self, request: &CreateVolume) -> Result<Gib> {
        let Some(snapshot) = &request.snapshot_id else {
            return request.size.ok_or_else(|| {
                let text = "The request must contain the parameter size or snapshotId";
                CloudError::new(ErrorCode::MissingParameter, text)
            });
        };
        let least = self.usable_snapshot(snapshot).await?.size;
        let size = request.size.unwrap_or(least);
        if size < least {
            let text = format!(
                "Volume of size {}GB is smaller than snapshot '{snapshot}', expect size >= {}GB",
                size.0, least.0
            );
            return Err(CloudError::invalid_value(text));
        }
        Ok(size)
    }
}
