//! DescribeInstanceStatus: health of running instances, or of all.

use cumulet_engine::api::instance::Reachability;
use cumulet_model::CloudError;
use cumulet_model::state::InstanceState;

use crate::call::{Answer, Call};
use crate::describe::describe_where;
use crate::resources::status::{Health, KIND, xml};
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let all = call.params().flag("IncludeAllInstances")?.unwrap_or(false);
    let wanted = |health: &Health| all || health.instance.state == InstanceState::Running;
    let picked = describe_where(call, &KIND, healths(call), wanted).await?;
    let facts = call.facts();
    let items = picked.items.iter().map(|health| xml(health, &facts));
    Ok(Xml::new().list("instanceStatusSet", items).maybe("nextToken", picked.next_token))
}

async fn healths(call: &Call) -> Result<Vec<Health>, CloudError> {
    let mut healths = Vec::new();
    for instance in call.cloud.instances().await? {
        let reachability = match instance.state {
            InstanceState::Running => call.cloud.reachability(&instance.id).await?,
            _ => Reachability::NotApplicable,
        };
        healths.push(Health { instance, reachability });
    }
    Ok(healths)
}
