//! Images on the wire.

use std::path::PathBuf;

use cumulet_api_types::image as wire;
use cumulet_engine::api::image::RegisterImage;
use cumulet_model::CloudError;
use cumulet_model::image::{Image, ImageKind, ImageState};

use super::optional_id;

pub(crate) fn image_to(image: Image) -> wire::Image {
    let kind = image.kind();
    wire::Image {
        id: image.id.into(),
        name: image.name,
        kind: kind_to(kind),
        description: image.description,
        state: match image.state {
            ImageState::Pending => wire::ImageState::Pending,
            ImageState::Available => wire::ImageState::Available,
            ImageState::Failed => wire::ImageState::Failed,
        },
        state_reason: image.state_reason,
        created: image.created,
        location: image.location,
        root_device_name: (kind == ImageKind::Machine).then_some(image.root_device_name),
        size_bytes: image.size.0,
        kernel_id: image.kernel_id.map(Into::into),
        ramdisk_id: image.ramdisk_id.map(Into::into),
        boot_args: image.boot_args,
        default_user: image.default_user,
        tags: image.tags,
    }
}

pub(crate) fn kind_to(kind: ImageKind) -> wire::ImageKind {
    match kind {
        ImageKind::Machine => wire::ImageKind::Machine,
        ImageKind::Kernel => wire::ImageKind::Kernel,
        ImageKind::Ramdisk => wire::ImageKind::Ramdisk,
    }
}

pub(crate) fn register_from(request: wire::RegisterImage) -> Result<RegisterImage, CloudError> {
    let source = PathBuf::from(request.source_path);
    if !source.is_absolute() {
        return Err(CloudError::invalid_value("source_path must be an absolute path on the daemon's host"));
    }
    Ok(RegisterImage {
        kind: match request.kind {
            wire::ImageKind::Machine => ImageKind::Machine,
            wire::ImageKind::Kernel => ImageKind::Kernel,
            wire::ImageKind::Ramdisk => ImageKind::Ramdisk,
        },
        name: request.name,
        description: request.description,
        source,
        root_device_name: request.root_device_name,
        kernel_id: optional_id(request.kernel_id.as_deref())?,
        ramdisk_id: optional_id(request.ramdisk_id.as_deref())?,
        boot_args: request.boot_args,
        default_user: request.default_user,
        tags: request.tags,
    })
}
