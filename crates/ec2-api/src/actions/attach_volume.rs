//! AttachVolume: a volume to an instance that runs or is stopped.

use cumulet_engine::api::volume::AttachVolume;

use crate::call::{Answer, Call};
use crate::resources::volume;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    if let Some(index) = params.number::<u32>("EbsCardIndex")?.filter(|index| *index != 0) {
        return Err(params.invalid("EbsCardIndex", &index.to_string(), "the only card has index 0"));
    }
    let request = AttachVolume {
        volume_id: params.required_id("VolumeId")?,
        instance_id: params.required_id("InstanceId")?,
        device: params.required("Device")?.to_owned(),
    };
    call.cloud.volume(&request.volume_id).await?;
    call.cloud.instance(&request.instance_id).await?;
    call.check_dry_run()?;
    let id = request.volume_id.clone();
    let attached = call.cloud.attach_volume(request).await?;
    Ok(attached.attachment.as_ref().map_or_else(Xml::new, |attachment| volume::attachment_xml(&id, attachment)))
}
