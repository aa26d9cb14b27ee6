//! CreateImage: a machine image of an instance's root volume as it is at this moment. The volume is frozen as for a
//! snapshot, and what it held is written as one disk in the background.

use cumulet_model::image::{Image, ImageState};
use cumulet_model::tag::check_tags;
use cumulet_model::{Bytes, CloudError, ErrorCode, ImageId, VolumeId};
use cumulet_store::StoreError;
use tokio::sync::OwnedRwLockReadGuard;
use tracing::info;

use crate::api::image::CreateImage;
use crate::cloud::{Cloud, Result, internal, port_failed};
use crate::images::check_name;

impl Cloud {
    /// Makes an image of an instance: the answer is pending, and becomes available or failed.
    pub async fn create_image(&self, request: CreateImage) -> Result<Image> {
        check_name(&request.name)?;
        check_tags(&request.tags)?;
        let _taking = self.inner.taking.lock().await;
        let _allocation = self.inner.allocation.lock().await;
        let record = self.record(&request.instance_id).await?;
        let volumes = self.inner.store.volumes_of(&record.id).await.map_err(internal)?;
        let is_root = |device: &str| device == record.root_device_name;
        let root = volumes.into_iter().find(|v| v.attachment.as_ref().is_some_and(|a| is_root(&a.device)));
        let root = root.ok_or_else(|| {
            let text = format!("The instance '{}' has no root volume", record.id);
            CloudError::new(ErrorCode::IncorrectState, text)
        })?;
        let has_machine = self.can_freeze(&root).await?;
        let origin = self.images().await?.into_iter().find(|image| image.id == record.image_id);
        let image = Image {
            id: ImageId::random_of(cumulet_model::image::ImageKind::Machine, &mut rand::rng()),
            name: request.name,
            description: request.description,
            state: ImageState::Pending,
            state_reason: None,
            created: self.inner.clock.now(),
            location: format!("{}/{}", self.account_id(), record.id),
            root_device_name: record.root_device_name.clone(),
            size: Bytes(0),
            kernel_id: record.kernel_id.clone(),
            ramdisk_id: record.ramdisk_id.clone(),
            boot_args: record.boot_args.clone(),
            default_user: origin.and_then(|image| image.default_user),
            tags: request.tags,
        };
        self.inner.store.add_image(&image).await.map_err(|error| match error {
            StoreError::Duplicate(_) => CloudError::new(
                ErrorCode::InvalidAmiNameDuplicate,
                format!("AMI name {} is already in use by another AMI", image.name),
            ),
            error => internal(error),
        })?;
        let below = match self.freeze(&root, has_machine).await {
            Ok(below) => below,
            Err(failure) => {
                self.finish_image(&image.id, Err(failure.chain())).await;
                return Err(port_failed(failure));
            }
        };
        // Not before: what is frozen may first have to be merged, which waits for all readers. Nothing is taken over in
        // between, as that needs what `_taking` holds.
        let reading = self.inner.layers.read().await;
        info!(image = %image.id, instance = %record.id, "an image is to be made of an instance");
        tokio::spawn(copy(self.clone(), image.id.clone(), root.id, below, reading));
        Ok(image)
    }
}

/// `reading` is held until the layers are read.
async fn copy(cloud: Cloud, id: ImageId, volume: VolumeId, below: u32, reading: OwnedRwLockReadGuard<()>) {
    let outcome = cloud.inner.ports.storage.image_from_volume(&id, &volume, below).await;
    drop(reading);
    cloud.finish_image(&id, outcome.map(|made| made.size).map_err(|error| error.chain())).await;
}
