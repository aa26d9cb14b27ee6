//! ModifyNetworkInterfaceAttribute: changes one attribute of one interface.

use cumulet_engine::api::interface::InterfaceChange;
use cumulet_model::{CloudError, GroupId, InterfaceId};

use crate::call::{Answer, Call, done};
use crate::query::Params;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let id: InterfaceId = params.required_id("NetworkInterfaceId")?;
    let mut changes = changes(&params)?;
    let change = match (changes.pop(), changes.is_empty()) {
        (Some(change), true) => change,
        (Some(_), false) => return Err(CloudError::combination("Fields for multiple attribute types specified")),
        (None, _) => return Err(CloudError::combination("No attributes specified.")),
    };
    call.cloud.network_interface(&id).await?;
    call.check_dry_run()?;
    call.cloud.modify_network_interface(&id, change).await?;
    Ok(done())
}

fn changes(params: &Params<'_>) -> Result<Vec<InterfaceChange>, CloudError> {
    params.refuse(&["EnaSrdSpecification", "ConnectionTrackingSpecification", "AssociatedSubnetId"])?;
    for name in ["EnablePrimaryIpv6", "AssociatePublicIpAddress"] {
        if params.flag(name)?.is_some() {
            return Err(params.unsupported(name, "is not supported by this cloud yet"));
        }
    }
    let mut changes = Vec::new();
    // An empty description is a value.
    if let Some(text) = params.structure("Description").raw("Value") {
        changes.push(InterfaceChange::Description(text.to_owned()));
    }
    let check = params.structure("SourceDestCheck").flag("Value")?;
    changes.extend(check.map(InterfaceChange::SourceDestCheck));
    let groups: Vec<GroupId> = params.ids("SecurityGroupId")?;
    if !groups.is_empty() {
        changes.push(InterfaceChange::Groups(groups));
    }
    let attachment = params.structure("Attachment");
    attachment.refuse(&["DefaultEnaQueueCount", "EnaQueueCount"])?;
    if let Some(delete) = attachment.flag("DeleteOnTermination")? {
        changes.push(InterfaceChange::DeleteOnTermination(attachment.required_id("AttachmentId")?, delete));
    }
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{Query, decode_pairs};

    fn read(form: &str) -> Result<Vec<InterfaceChange>, CloudError> {
        changes(&Query::new(decode_pairs(form.as_bytes()).unwrap()).unwrap().params())
    }

    #[test]
    fn each_attribute_is_read() {
        assert_eq!(read("Description.Value=").unwrap(), [InterfaceChange::Description(String::new())]);
        assert_eq!(read("SourceDestCheck.Value=false").unwrap(), [InterfaceChange::SourceDestCheck(false)]);
        let form = "Attachment.AttachmentId=eni-attach-0123456789abcdef0&Attachment.DeleteOnTermination=true";
        assert!(matches!(&read(form).unwrap()[..], [InterfaceChange::DeleteOnTermination(_, true)]));
        assert_eq!(read("SecurityGroupId.1=sg-12345678&SecurityGroupId.2=sg-12345679").unwrap().len(), 1);
        assert!(read("Attachment.DeleteOnTermination=true").is_err(), "whose attachment?");
        assert!(read("AssociatePublicIpAddress=true").is_err());
    }
}
