//! DescribeVolumeAttribute: `autoEnableIO` and `productCodes`, which are the same for all volumes here.

use cumulet_model::VolumeId;

use crate::call::{Answer, Call};
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let id: VolumeId = params.required_id("VolumeId")?;
    let attribute = params.required("Attribute")?;
    call.cloud.volume(&id).await?;
    call.check_dry_run()?;
    let xml = match attribute {
        // Input and output are never switched off here.
        "autoEnableIO" => Xml::new().value("autoEnableIO", true),
        "productCodes" => Xml::new().list("productCodes", []),
        other => return Err(params.invalid("Attribute", other, "expected autoEnableIO or productCodes")),
    };
    Ok(xml.text("volumeId", id))
}
