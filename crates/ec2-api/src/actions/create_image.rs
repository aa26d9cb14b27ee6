//! CreateImage: of an instance, running or stopped.

use cumulet_engine::api::image::CreateImage;

use crate::call::{Answer, Call};
use crate::tags::tag_specifications;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    params.refuse(&["BlockDeviceMapping"])?;
    params.word("SnapshotLocation", &[("regional", ())])?;
    let request = CreateImage {
        instance_id: params.required_id("InstanceId")?,
        name: params.required("Name")?.to_owned(),
        description: params.text("Description").map(str::to_owned),
        tags: tag_specifications(&params, &["image", "snapshot"])?.remove("image").unwrap_or_default(),
    };
    let running = call.cloud.instance(&request.instance_id).await?.state
        == cumulet_model::state::InstanceState::Running;
    call.check_dry_run()?;
    if running && params.flag("NoReboot")? != Some(true) {
        call.warn("NoReboot: the instance is not rebooted; the image is as if its power had been cut");
    }
    let image = call.cloud.create_image(request).await?;
    Ok(Xml::new().text("imageId", image.id))
}
