//! DisassociateAddress: an elastic address leads nowhere from now on.

use cumulet_engine::api::address::AssociationName;
use cumulet_model::CloudError;

use super::shared::addresses::address_name;
use crate::call::{Answer, Call, done};

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let name = match params.id("AssociationId")? {
        Some(_) if params.has("PublicIp") => {
            let text = "The parameter AssociationId cannot be used with the parameter PublicIp";
            return Err(CloudError::combination(text));
        }
        Some(id) => AssociationName::Association(id),
        None if params.has("PublicIp") => AssociationName::Address(address_name(&params)?),
        None => return Err(CloudError::missing("AssociationId")),
    };
    call.check_dry_run()?;
    call.cloud.disassociate_address(&name).await?;
    Ok(done())
}
