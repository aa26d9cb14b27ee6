//! DescribeInstanceAttribute: one attribute of one instance.

use cumulet_model::CloudError;
use cumulet_model::instance::Instance;

use super::shared::encoding::to_base64;
use super::shared::instances::named_instance;
use crate::call::{Answer, Call};
use crate::resources::group_set;
use crate::resources::instance::device_xml;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let attribute = call.params().required("Attribute")?.to_owned();
    let instance = named_instance(call).await?;
    call.check_dry_run()?;
    let value = match attribute.as_str() {
        "userData" => user_data(call, &instance).await?,
        other => plain(other, &instance).ok_or_else(|| {
            call.params().invalid("Attribute", other, "it is no attribute of an instance")
        })?,
    };
    let id = Xml::new().text("instanceId", &instance.id);
    // The model has some attributes before the id and the others behind it.
    let before = ["blockDeviceMapping", "disableApiTermination", "ebsOptimized", "enaSupport", "enclaveOptions"];
    Ok(if before.contains(&attribute.as_str()) { value.and(id) } else { id.and(value) })
}

fn plain(attribute: &str, instance: &Instance) -> Option<Xml> {
    let xml = Xml::new();
    Some(match attribute {
        "blockDeviceMapping" => xml.list("blockDeviceMapping", instance.block_devices.iter().map(device_xml)),
        "disableApiStop" => xml.value("disableApiStop", instance.disable_api_stop),
        "disableApiTermination" => xml.value("disableApiTermination", instance.disable_api_termination),
        "ebsOptimized" => xml.value("ebsOptimized", false),
        "enaSupport" => xml.value("enaSupport", false),
        "enclaveOptions" => xml.node("enclaveOptions", Xml::new().text("enabled", false)),
        "groupSet" => group_set(xml, &instance.groups),
        "instanceInitiatedShutdownBehavior" => {
            xml.value("instanceInitiatedShutdownBehavior", instance.shutdown_behavior.as_str())
        }
        "instanceType" => xml.value("instanceType", &instance.instance_type),
        "kernel" => optional(xml, "kernel", instance.kernel_id.as_ref()),
        "productCodes" => xml.list("productCodes", []),
        "ramdisk" => optional(xml, "ramdisk", instance.ramdisk_id.as_ref()),
        "rootDeviceName" => xml.value("rootDeviceName", &instance.root_device_name),
        "sourceDestCheck" => optional(
            xml,
            "sourceDestCheck",
            instance.primary_interface().map(|eni| eni.source_dest_check),
        ),
        "sriovNetSupport" => xml.node("sriovNetSupport", Xml::new()),
        _ => return None,
    })
}

fn optional(xml: Xml, name: &'static str, value: Option<impl std::fmt::Display>) -> Xml {
    xml.node(name, Xml::new().maybe("value", value))
}

async fn user_data(call: &Call, instance: &Instance) -> Result<Xml, CloudError> {
    let data = call.cloud.user_data(&instance.id).await?;
    Ok(optional(Xml::new(), "userData", data.as_deref().map(to_base64)))
}
