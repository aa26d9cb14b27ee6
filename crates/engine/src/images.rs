//! Images: registered from files on this host, in the background.

use cumulet_model::image::{Image, ImageKind, ImageState};
use cumulet_model::tag::check_tags;
use cumulet_model::{Bytes, CloudError, ErrorCode, ImageId};
use cumulet_store::StoreError;
use tracing::{error, info};

use crate::api::image::RegisterImage;
use crate::cloud::{Cloud, Result, internal, port_failed};

const DEFAULT_ROOT_DEVICE: &str = "/dev/xvda";
/// Fits a disk whose first virtio disk is the root file system itself.
const DEFAULT_BOOT_ARGS: &str = "root=/dev/vda rw console=ttyS0";

impl Cloud {
    /// Registers an image: the answer is pending, and becomes available or failed when its file has been brought in.
    pub async fn register_image(&self, request: RegisterImage) -> Result<Image> {
        check_name(&request.name)?;
        check_tags(&request.tags)?;
        check_source(&request).await?;
        for (id, kind) in [(&request.kernel_id, ImageKind::Kernel), (&request.ramdisk_id, ImageKind::Ramdisk)]
        {
            if let Some(id) = id {
                self.usable_image(id, kind).await?;
            }
        }
        let image = Image {
            id: ImageId::random_of(request.kind, &mut rand::rng()),
            name: request.name,
            description: request.description,
            state: ImageState::Pending,
            state_reason: None,
            created: self.inner.clock.now(),
            location: request.source.display().to_string(),
            root_device_name: request.root_device_name.unwrap_or_else(|| DEFAULT_ROOT_DEVICE.into()),
            size: Bytes(0),
            kernel_id: request.kernel_id,
            ramdisk_id: request.ramdisk_id,
            boot_args: request.boot_args.unwrap_or_else(|| DEFAULT_BOOT_ARGS.into()),
            default_user: request.default_user,
            tags: request.tags,
        };
        self.inner.store.add_image(&image).await.map_err(|error| match error {
            StoreError::Duplicate(_) => CloudError::new(
                ErrorCode::InvalidAmiNameDuplicate,
                format!("AMI name {} is already in use by another AMI", image.name),
            ),
            error => internal(error),
        })?;
        tokio::spawn(bring_in(self.clone(), image.id.clone(), request.source));
        Ok(image)
    }

    /// Removes an image. Instances and volumes made from it live on; a kernel or ramdisk that others name is kept.
    pub async fn deregister_image(&self, id: &ImageId) -> Result<()> {
        let _allocation = self.inner.allocation.lock().await;
        let images = self.images().await?;
        let image = images.iter().find(|image| image.id == *id).ok_or_else(|| {
            CloudError::new(ErrorCode::InvalidAmiIdNotFound, format!("The image id '[{id}]' does not exist"))
        })?;
        if image.state == ImageState::Pending {
            let text =
                format!("The image '{id}' is pending; it can be deregistered when it is available or failed");
            return Err(CloudError::new(ErrorCode::InvalidAmiIdUnavailable, text));
        }
        if let Some(user) = images
            .iter()
            .find(|other| other.kernel_id.as_ref() == Some(id) || other.ramdisk_id.as_ref() == Some(id))
        {
            let text = format!("The image '{id}' is in use by image '{}'", user.id);
            return Err(CloudError::new(ErrorCode::DependencyViolation, text));
        }
        let instances = self.instances().await?;
        if let Some(user) = instances.iter().find(|instance| {
            instance.terminated.is_none()
                && (instance.kernel_id.as_ref() == Some(id) || instance.ramdisk_id.as_ref() == Some(id))
        }) {
            let text = format!("The image '{id}' is in use by instance '{}'", user.id);
            return Err(CloudError::new(ErrorCode::DependencyViolation, text));
        }
        // The file first: what a crash leaves in between is a row, which a second call removes, not an orphaned file.
        self.inner.ports.storage.delete_image(id).await.map_err(port_failed)?;
        self.inner.store.delete_image(id).await.map_err(internal)
    }

    /// Imports that the daemon's end cut off have failed.
    pub(crate) async fn fail_unfinished_images(&self) -> Result<()> {
        for image in self.images().await? {
            if image.state == ImageState::Pending {
                self.finish_image(&image.id, Err("the daemon ended while the image was brought in".into()))
                    .await;
            }
        }
        Ok(())
    }

    pub(crate) async fn finish_image(&self, id: &ImageId, outcome: std::result::Result<Bytes, String>) {
        let (state, size, reason) = match &outcome {
            Ok(size) => (ImageState::Available, *size, None),
            Err(reason) => (ImageState::Failed, Bytes(0), Some(reason.as_str())),
        };
        if reason.is_some()
            && let Err(error) = self.inner.ports.storage.delete_image(id).await
        {
            error!(image = %id, error = error.chain(), "what a failed import left could not be removed");
        }
        match self.inner.store.finish_image(id, state, size, reason).await {
            Ok(()) => info!(image = %id, state = state.as_str(), reason, "the image's import has ended"),
            Err(error) => {
                error!(image = %id, error = &error as &dyn std::error::Error, "an import's end could not be written");
            }
        }
    }
}

async fn bring_in(cloud: Cloud, id: ImageId, source: std::path::PathBuf) {
    let outcome = cloud.inner.ports.storage.import_image(&id, &source).await;
    cloud.finish_image(&id, outcome.map(|imported| imported.size).map_err(|error| error.chain())).await;
}

/// EC2's rule for image names (EC2 API reference, RegisterImage).
pub(crate) fn check_name(name: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "()[] ./-'@_".contains(c);
    if (3..=128).contains(&name.chars().count()) && name.chars().all(allowed) {
        return Ok(());
    }
    Err(CloudError::new(
        ErrorCode::InvalidAmiNameMalformed,
        "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, \
         '(', ')', '[', ']', '.', '-', '/', ''', '@', '_' and spaces",
    ))
}

async fn check_source(request: &RegisterImage) -> Result<()> {
    let path = &request.source;
    if !path.is_absolute() {
        let text = format!(
            "the image's file must be an absolute path on the host, not {:?}",
            path.display().to_string()
        );
        return Err(CloudError::invalid_value(text));
    }
    let found = tokio::fs::metadata(path).await;
    match found {
        Ok(found) if found.is_file() => Ok(()),
        Ok(_) => Err(CloudError::invalid_value(format!("{} is not a plain file", path.display()))),
        Err(error) => Err(CloudError::invalid_value(format!("{} can't be read: {error}", path.display()))),
    }
}
