//! DescribeNetworkInterfaceAttribute: one attribute of one interface.

use cumulet_model::InterfaceId;

use crate::call::{Answer, Call};
use crate::resources::{group_set, interface};
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let id: InterfaceId = params.required_id("NetworkInterfaceId")?;
    let attribute = params.required("Attribute")?;
    let eni = call.cloud.network_interface(&id).await?;
    call.check_dry_run()?;
    let (start, id) = (Xml::new(), &eni.id);
    Ok(match attribute {
        "attachment" => {
            let attachment = eni.attachment.as_ref().map(|held| interface::full_attachment(held, &call.facts()));
            start.maybe_node("attachment", attachment).text("networkInterfaceId", id)
        }
        "description" => start.value("description", &eni.description).text("networkInterfaceId", id),
        "groupSet" => group_set(start, &eni.groups).text("networkInterfaceId", id),
        "sourceDestCheck" => {
            start.text("networkInterfaceId", id).value("sourceDestCheck", eni.source_dest_check)
        }
        "associatePublicIpAddress" => {
            start.text("networkInterfaceId", id).text("associatePublicIpAddress", eni.public_ip.is_some())
        }
        other => return Err(params.invalid("Attribute", other, "it is no attribute of an interface")),
    })
}
