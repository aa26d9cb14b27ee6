//! AttachNetworkInterface: an interface to an instance that runs or is stopped.

use cumulet_engine::api::interface::AttachInterface;
use cumulet_model::CloudError;

use crate::call::{Answer, Call};
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    params.refuse(&["EnaSrdSpecification", "EnaQueueCount"])?;
    if let Some(index) = params.number::<u32>("NetworkCardIndex")?.filter(|index| *index != 0) {
        return Err(params.invalid("NetworkCardIndex", &index.to_string(), "the only card has index 0"));
    }
    let request = AttachInterface {
        interface_id: params.required_id("NetworkInterfaceId")?,
        instance_id: params.required_id("InstanceId")?,
        device_index: params.number("DeviceIndex")?.ok_or_else(|| CloudError::missing("DeviceIndex"))?,
    };
    call.cloud.network_interface(&request.interface_id).await?;
    call.cloud.instance(&request.instance_id).await?;
    call.check_dry_run()?;
    let attachment = call.cloud.attach_network_interface(request).await?;
    Ok(Xml::new().text("attachmentId", attachment.id).text("networkCardIndex", 0))
}
