//! DescribeInstanceStatus: health of running instances, or of all.

use cumulet_engine::api::instance::Reachability;
use cumulet_model::CloudError;
use cumulet_model::instance::Instance;
use cumulet_model::state::InstanceState;
use futures::future::join_all;

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

/// All machines are asked at once: one that does not answer delays a call by its own limit and no more.
async fn healths(call: &Call) -> Result<Vec<Health>, CloudError> {
    let health = async |instance: Instance| {
        let reachability = match instance.state {
            // An instance that is forgotten while it is asked has nothing to check any more.
            InstanceState::Running => call.cloud.reachability(&instance.id).await,
            _ => Ok(Reachability::NotApplicable),
        };
        Health { instance, reachability: reachability.unwrap_or(Reachability::NotApplicable) }
    };
    Ok(join_all(call.cloud.instances().await?.into_iter().map(health)).await)
}
