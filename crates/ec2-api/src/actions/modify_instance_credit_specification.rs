//! ModifyInstanceCreditSpecification: whether instances of the burstable types may burst without credits. Each instance
//! succeeds or fails by itself, and the answer tells both.

use cumulet_model::error::parse_id;
use cumulet_model::{CloudError, InstanceId};

use super::shared::credits::mode;
use crate::call::{Answer, Call};
use crate::query::Params;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    // Asking for the same again changes nothing, so that there is nothing for the token to do.
    params.text("ClientToken");
    let wanted = params.structures("InstanceCreditSpecification")?;
    if wanted.is_empty() {
        return Err(CloudError::missing("InstanceCreditSpecification"));
    }
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for item in &wanted {
        item.required("InstanceId")?;
        if mode(item)?.is_none() {
            return Err(CloudError::missing(&item.name_of("CpuCredits")));
        }
    }
    call.check_dry_run()?;
    for item in &wanted {
        let id = item.required("InstanceId")?;
        let node = Xml::new().text("instanceId", crate::query::shorten(id));
        match modify(call, item, id).await {
            Ok(()) => done.push(node),
            Err(error) => {
                let error = Xml::new().text("code", error.code.as_str()).text("message", &error.message);
                failed.push(node.node("error", error));
            }
        }
    }
    Ok(Xml::new()
        .list("successfulInstanceCreditSpecificationSet", done)
        .list("unsuccessfulInstanceCreditSpecificationSet", failed))
}

async fn modify(call: &Call, item: &Params<'_>, id: &str) -> Result<(), CloudError> {
    let id: InstanceId = parse_id(id)?;
    let mode = mode(item)?.ok_or_else(|| CloudError::missing("CpuCredits"))?;
    call.cloud.modify_credit_mode(&id, mode).await
}
