//! ModifyInstanceAttribute: changes one attribute of one instance.

use std::collections::BTreeMap;

use cumulet_engine::api::instance::AttributeChange;
use cumulet_model::error::parse_id;
use cumulet_model::state::ShutdownBehavior;
use cumulet_model::{CloudError, GroupId};

use super::shared::encoding::user_data;
use super::shared::instances::named_instance;
use crate::call::{Answer, Call, done};
use crate::query::Params;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let instance = named_instance(call).await?;
    let mut changes = structured(&params)?;
    if let Some(attribute) = params.text("Attribute") {
        changes.extend(by_name(&params, attribute)?);
    }
    let change = match (changes.pop(), changes.is_empty()) {
        (Some(change), true) => change,
        (Some(_), false) => return Err(CloudError::combination("Fields for multiple attribute types specified")),
        (None, _) => return Err(CloudError::combination("No attributes specified.")),
    };
    call.check_dry_run()?;
    call.cloud.modify_instance_attribute(&instance.id, change).await?;
    Ok(done())
}

/// Changes in the form `DisableApiStop.Value=true`.
fn structured(params: &Params<'_>) -> Result<Vec<AttributeChange>, CloudError> {
    params.refuse(&["SriovNetSupport"])?;
    for name in ["EbsOptimized", "EnaSupport"] {
        if params.structure(name).flag("Value")? == Some(true) {
            return Err(params.unsupported(name, "is not supported by this cloud"));
        }
    }
    let mut changes = Vec::new();
    let flag = |name: &str| params.structure(name).flag("Value");
    changes.extend(flag("SourceDestCheck")?.map(AttributeChange::SourceDestCheck));
    changes.extend(flag("DisableApiStop")?.map(AttributeChange::DisableApiStop));
    changes.extend(flag("DisableApiTermination")?.map(AttributeChange::DisableApiTermination));
    for (name, attribute) in [
        ("InstanceType", "instanceType"),
        ("Kernel", "kernel"),
        ("Ramdisk", "ramdisk"),
        ("InstanceInitiatedShutdownBehavior", "instanceInitiatedShutdownBehavior"),
    ] {
        let structure = params.structure(name);
        if let Some(value) = structure.text("Value") {
            changes.push(from_text(&structure, attribute, value)?);
        }
    }
    // Empty user data is a value: it removes what was there.
    if let Some(value) = params.structure("UserData").raw("Value") {
        changes.push(AttributeChange::UserData(user_data(value)?));
    }
    let groups: Vec<GroupId> = params.ids("GroupId")?;
    if !groups.is_empty() {
        changes.push(AttributeChange::Groups(groups));
    }
    changes.extend(block_devices(params)?);
    Ok(changes)
}

/// A change in the form `Attribute=kernel&Value=aki-…`.
fn by_name(params: &Params<'_>, attribute: &str) -> Result<Option<AttributeChange>, CloudError> {
    let flag = || {
        let missing = || CloudError::missing(&params.name_of("Value"));
        params.flag("Value")?.ok_or_else(missing)
    };
    let change = match attribute {
        "blockDeviceMapping" | "groupSet" => return Ok(None), // the value is in the structured parameter
        "disableApiStop" => AttributeChange::DisableApiStop(flag()?),
        "disableApiTermination" => AttributeChange::DisableApiTermination(flag()?),
        "sourceDestCheck" => AttributeChange::SourceDestCheck(flag()?),
        "userData" => AttributeChange::UserData(user_data(params.raw("Value").unwrap_or_default())?),
        other => from_text(params, other, params.required("Value")?)?,
    };
    Ok(Some(change))
}

fn from_text(params: &Params<'_>, attribute: &str, value: &str) -> Result<AttributeChange, CloudError> {
    Ok(match attribute {
        "instanceType" => AttributeChange::InstanceType(value.to_owned()),
        "kernel" => AttributeChange::Kernel(parse_id(value)?),
        "ramdisk" => AttributeChange::Ramdisk(parse_id(value)?),
        "instanceInitiatedShutdownBehavior" => match value {
            "stop" => AttributeChange::ShutdownBehavior(ShutdownBehavior::Stop),
            "terminate" => AttributeChange::ShutdownBehavior(ShutdownBehavior::Terminate),
            other => return Err(params.invalid("Value", other, "expected one of stop, terminate")),
        },
        other => {
            let rule = "it is no attribute of an instance that can be modified here";
            return Err(params.invalid("Attribute", other, rule));
        }
    })
}

fn block_devices(params: &Params<'_>) -> Result<Option<AttributeChange>, CloudError> {
    let mut devices = BTreeMap::new();
    for mapping in params.structures("BlockDeviceMapping")? {
        mapping.refuse(&["VirtualName", "NoDevice"])?;
        let ebs = mapping.structure("Ebs");
        ebs.refuse(&["VolumeId"])?;
        let delete = ebs.flag("DeleteOnTermination")?;
        let delete = delete.ok_or_else(|| CloudError::missing(&ebs.name_of("DeleteOnTermination")))?;
        devices.insert(mapping.required("DeviceName")?.to_owned(), delete);
    }
    Ok(if devices.is_empty() { None } else { Some(AttributeChange::BlockDevices(devices)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{Query, decode_pairs};

    fn changes(form: &str) -> Result<Vec<AttributeChange>, CloudError> {
        let query = Query::new(decode_pairs(form.as_bytes()).unwrap()).unwrap();
        let params = query.params();
        let mut all = structured(&params)?;
        if let Some(attribute) = params.text("Attribute") {
            all.extend(by_name(&params, attribute)?);
        }
        Ok(all)
    }

    #[test]
    fn both_forms_mean_the_same() {
        for (structured, named) in [
            ("InstanceType.Value=t3.nano", "Attribute=instanceType&Value=t3.nano"),
            ("DisableApiStop.Value=true", "Attribute=disableApiStop&Value=true"),
            ("UserData.Value=YQ==", "Attribute=userData&Value=YQ=="),
            ("UserData.Value=", "Attribute=userData&Value="),
            (
                "InstanceInitiatedShutdownBehavior.Value=terminate",
                "Attribute=instanceInitiatedShutdownBehavior&Value=terminate",
            ),
        ] {
            let one = changes(structured).unwrap();
            assert_eq!(one.len(), 1, "{structured}");
            assert_eq!(one, changes(named).unwrap());
        }
    }

    #[test]
    fn volumes_and_groups_come_as_lists() {
        let form = "BlockDeviceMapping.1.DeviceName=/dev/sdf&BlockDeviceMapping.1.Ebs.DeleteOnTermination=false";
        let expected = AttributeChange::BlockDevices(BTreeMap::from([("/dev/sdf".to_owned(), false)]));
        assert_eq!(changes(form).unwrap(), [expected]);
        let groups = changes("GroupId.1=sg-00000000000000001&Attribute=groupSet").unwrap();
        assert!(matches!(&groups[..], [AttributeChange::Groups(ids)] if ids.len() == 1));
    }

    #[test]
    fn what_can_not_be_changed_is_named() {
        assert!(changes("Attribute=rootDeviceName&Value=x").unwrap_err().message.contains("rootDeviceName"));
        assert!(changes("EnaSupport.Value=true").unwrap_err().message.contains("EnaSupport"));
        assert!(changes("InstanceInitiatedShutdownBehavior.Value=sleep").is_err());
    }
}
