//! An image as DescribeImages shows it.

use cumulet_model::image::{Image, ImageKind, ImageState};
use cumulet_model::{ErrorCode, ImageId};

use super::ARCHITECTURE;
use crate::call::Facts;
use crate::describe::{Ids, Kind, id_form};
use crate::filter::{FilterTable, one, opt};
use crate::paging::Bounds;
use crate::xml::{Xml, time_text};

/// How images are described.
pub const KIND: Kind<Image> = Kind {
    ids: Some(Ids {
        parameter: "ImageId",
        of: |image| image.id.to_string(),
        check: id_form::<ImageId>,
        not_found: ErrorCode::InvalidAmiIdNotFound,
        noun: "image id",
    }),
    filters: &FILTERS,
    page: Some((Bounds { min: 1, max: 1000 }, |image| image.id.to_string())),
};

const FILTERS: FilterTable<Image> = FilterTable {
    names: &[
        ("architecture", |_, _| one(ARCHITECTURE)),
        ("block-device-mapping.delete-on-termination", |i, _| opt(root_disk(i).map(|_| true))),
        ("block-device-mapping.device-name", |i, _| opt(root_disk(i))),
        ("block-device-mapping.encrypted", |i, _| opt(root_disk(i).map(|_| false))),
        ("block-device-mapping.volume-size", |i, _| opt(root_disk(i).map(|_| i.size.ceil_gib().0))),
        ("block-device-mapping.volume-type", |i, _| {
            opt(root_disk(i).map(|_| cumulet_model::volume_type::VolumeType::default().as_str()))
        }),
        ("creation-date", |i, _| one(time_text(i.created))),
        ("description", |i, _| opt(i.description.as_ref())),
        ("ena-support", |_, _| one(false)),
        ("free-tier-eligible", |_, _| one(false)),
        ("hypervisor", |_, _| one("xen")),
        ("image-id", |i, _| one(&i.id)),
        ("image-type", |i, _| one(i.kind().as_str())),
        ("is-public", |_, _| one(false)),
        ("kernel-id", |i, _| opt(i.kernel_id.as_ref())),
        ("manifest-location", |i, _| one(&i.location)),
        ("name", |i, _| one(&i.name)),
        ("owner-id", |_, facts| one(facts.account)),
        ("ramdisk-id", |i, _| opt(i.ramdisk_id.as_ref())),
        ("root-device-name", |i, _| opt(root_disk(i))),
        ("root-device-type", |i, _| opt(root_disk(i).map(|_| "ebs"))),
        ("state", |i, _| one(i.state.as_str())),
        ("state-reason-code", |i, _| opt(failure_code(i))),
        ("state-reason-message", |i, _| opt(i.state_reason.as_ref())),
        ("virtualization-type", |_, _| one("hvm")),
    ],
    absent: &[
        "block-device-mapping.snapshot-id",
        "image-allowed",
        "owner-alias",
        "platform",
        "product-code",
        "product-code.type",
        "source-image-id",
        "source-image-region",
        "source-instance-id",
        "sriov-net-support",
    ],
    tags: Some(|i| &i.tags),
};

/// The root device's name of an image that is a disk.
fn root_disk(image: &Image) -> Option<&str> {
    (image.kind() == ImageKind::Machine).then_some(image.root_device_name.as_str())
}

fn failure_code(image: &Image) -> Option<&'static str> {
    (image.state == ImageState::Failed).then_some("Server.InternalError")
}

/// An image's fields.
pub fn xml(image: &Image, facts: &Facts<'_>) -> Xml {
    let root = root_disk(image);
    let reason = image.state_reason.as_ref().map(|message| {
        Xml::new().text("code", failure_code(image).unwrap_or_default()).text("message", message)
    });
    Xml::new()
        .text("platformDetails", "Linux/UNIX")
        .text("usageOperation", "RunInstances")
        .list("blockDeviceMapping", root.map(|name| root_mapping(image, name)))
        .maybe("description", image.description.as_deref())
        .text("enaSupport", false)
        .text("hypervisor", "xen")
        .text("name", &image.name)
        .maybe("rootDeviceName", root)
        .maybe("rootDeviceType", root.map(|_| "ebs"))
        .maybe_node("stateReason", reason)
        .tags_if_any(&image.tags)
        .text("virtualizationType", "hvm")
        .maybe("bootMode", root.map(|_| "legacy-bios"))
        .text("imageId", &image.id)
        .text("imageLocation", &image.location)
        .text("imageState", image.state.as_str())
        .text("imageOwnerId", facts.account)
        .text("creationDate", time_text(image.created))
        .text("isPublic", false)
        .text("architecture", ARCHITECTURE)
        .text("imageType", image.kind().as_str())
        .maybe("kernelId", image.kernel_id.as_ref())
        .maybe("ramdiskId", image.ramdisk_id.as_ref())
}

fn root_mapping(image: &Image, name: &str) -> Xml {
    let ebs = Xml::new()
        .text("deleteOnTermination", true)
        .text("volumeSize", image.size.ceil_gib().0)
        .text("volumeType", cumulet_model::volume_type::VolumeType::default().as_str())
        .text("encrypted", false);
    Xml::new().node("ebs", ebs).text("deviceName", name)
}
