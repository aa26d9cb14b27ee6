//! ModifyInstanceMetadataOptions: how an instance may use the metadata service.

use super::shared::instances::named_instance;
use super::shared::metadata_options::read;
use crate::call::{Answer, Call};
use crate::resources::instance::metadata_xml;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let instance = named_instance(call).await?;
    let wanted = read(&call.params(), instance.metadata_options)?;
    call.check_dry_run()?;
    let now = call.cloud.modify_metadata_options(&instance.id, wanted).await?;
    Ok(Xml::new().text("instanceId", &instance.id).node("instanceMetadataOptions", metadata_xml(&now)))
}
