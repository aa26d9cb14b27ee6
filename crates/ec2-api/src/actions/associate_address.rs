//! AssociateAddress: leads an elastic address to an instance, an interface or one of its private addresses.

use cumulet_engine::api::address::{AddressTarget, AssociateAddress};
use cumulet_model::CloudError;

use super::shared::addresses::{ADDRESS, address_name};
use crate::call::{Answer, Call, done};
use crate::query::Params;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let request = AssociateAddress {
        address: address_name(&params)?,
        target: target(&params)?,
        private_ip: params.parsed("PrivateIpAddress", ADDRESS)?,
        allow_reassociation: params.flag("AllowReassociation")?,
    };
    call.check_dry_run()?;
    let id = call.cloud.associate_address(request).await?;
    Ok(done().text("associationId", id))
}

fn target(params: &Params<'_>) -> Result<AddressTarget, CloudError> {
    match (params.id("InstanceId")?, params.id("NetworkInterfaceId")?) {
        (Some(id), None) => Ok(AddressTarget::Instance(id)),
        (None, Some(id)) => Ok(AddressTarget::Interface(id)),
        (None, None) => Err(CloudError::missing("InstanceId or NetworkInterfaceId")),
        (Some(_), Some(_)) => {
            let text = "The parameter InstanceId cannot be used with the parameter NetworkInterfaceId";
            Err(CloudError::combination(text))
        }
    }
}
