//! DeleteFlowLogs: flow logs by id. Those that there are not are told beside.

use cumulet_model::FlowLogId;

use crate::call::{Answer, Call};
use crate::resources::flow_log::unsuccessful;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let ids: Vec<FlowLogId> = call.params().required_ids("FlowLogId")?;
    call.check_dry_run()?;
    let refused = call.cloud.delete_flow_logs(&ids).await?;
    Ok(Xml::new()
        .list("unsuccessful", refused.iter().map(|(id, refusal)| unsuccessful(id.as_str(), refusal))))
}
