//! Instances that a request names, and the answer of the actions that change their states.

use cumulet_model::instance::{Instance, StateChange};
use cumulet_model::{CloudError, InstanceId};

use crate::call::Call;
use crate::describe::select;
use crate::resources::instance::{IDS, state_xml};
use crate::xml::Xml;

/// The ids in `InstanceId.N`. In a dry run they are looked up, and the call ends here.
pub async fn named_instances(call: &Call) -> Result<Vec<InstanceId>, CloudError> {
    let ids = call.params().required_ids::<InstanceId>("InstanceId")?;
    if call.params().flag("DryRun")? == Some(true) {
        let texts: Vec<_> = ids.iter().map(InstanceId::as_str).collect();
        select(&IDS, &texts, call.cloud.instances().await?)?;
        call.check_dry_run()?;
    }
    Ok(ids)
}

/// The instance in `InstanceId`.
pub async fn named_instance(call: &Call) -> Result<Instance, CloudError> {
    let id: InstanceId = call.params().required_id("InstanceId")?;
    let mut found = select(&IDS, &[id.as_str()], call.cloud.instances().await?)?;
    found.pop().ok_or_else(|| CloudError::not_found(IDS.not_found, IDS.noun, &id))
}

/// `instancesSet` with each instance's state before and after.
pub fn changes_xml(changes: &[StateChange]) -> Xml {
    let items = changes.iter().map(|change| {
        Xml::new()
            .text("instanceId", &change.instance_id)
            .node("currentState", state_xml(change.current))
            .node("previousState", state_xml(change.previous))
    });
    Xml::new().list("instancesSet", items)
}
