//! RegisterImage: makes a machine image of a disk file on this host.

use std::path::PathBuf;

use cumulet_engine::api::image::RegisterImage;
use cumulet_model::image::ImageKind;
use cumulet_model::{CloudError, ErrorCode};

use crate::call::{Answer, Call};
use crate::query::{Params, decode_pairs, shorten};
use crate::tags::tags_for;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let request = read(&params)?;
    call.check_dry_run()?;
    let image = call.cloud.register_image(request).await?;
    Ok(Xml::new().text("imageId", &image.id))
}

fn read(params: &Params<'_>) -> Result<RegisterImage, CloudError> {
    params.refuse(&["BlockDeviceMapping", "BillingProduct", "SriovNetSupport", "TpmSupport", "UefiData", "ImdsSupport"])?;
    params.word("Architecture", &[("x86_64", ())])?;
    params.word("VirtualizationType", &[("hvm", ())])?;
    params.word("BootMode", &[("legacy-bios", ())])?;
    if params.flag("EnaSupport")? == Some(true) {
        return Err(params.unsupported("EnaSupport", "is not supported: interfaces here are virtio"));
    }
    Ok(RegisterImage {
        kind: ImageKind::Machine,
        name: params.required("Name")?.to_owned(),
        description: params.text("Description").map(str::to_owned),
        source: location(params.required("ImageLocation")?)?,
        root_device_name: params.text("RootDeviceName").map(str::to_owned),
        kernel_id: params.id("KernelId")?,
        ramdisk_id: params.id("RamdiskId")?,
        boot_args: None,
        default_user: None,
        tags: tags_for(params, "image")?,
    })
}

/// `ImageLocation`: an absolute path on this host, or a `file://` URL of one.
fn location(text: &str) -> Result<PathBuf, CloudError> {
    let path = match text.strip_prefix("file://") {
        // Percent-decoding is that of forms, but for the plus sign, which is itself in a path.
        Some(rest) => decode_pairs(rest.replace('+', "%2B").replace('&', "%26").replace('=', "%3D").as_bytes())
            .ok()
            .and_then(|mut pairs| pairs.pop())
            .map(|(path, _)| path),
        None => Some(text.to_owned()),
    };
    let path = path.filter(|path| path.starts_with('/') && !path.contains('\0')).map(PathBuf::from);
    path.ok_or_else(|| {
        let text = format!(
            "Value ({}) for parameter ImageLocation is invalid: expected an absolute path on this host, or a \
             file:// URL of one",
            shorten(text)
        );
        CloudError::new(ErrorCode::InvalidParameterValue, text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_a_path_on_this_host() {
        assert_eq!(location("/srv/debian 12.raw").unwrap(), PathBuf::from("/srv/debian 12.raw"));
        assert_eq!(location("file:///srv/a%20b+c=d.raw").unwrap(), PathBuf::from("/srv/a b+c=d.raw"));
        for bad in ["debian.raw", "s3://bucket/x", "file://host/x", "file://%zz", "http://h/x", "/a\0b"] {
            assert!(location(bad).is_err(), "{bad}");
        }
    }
}
