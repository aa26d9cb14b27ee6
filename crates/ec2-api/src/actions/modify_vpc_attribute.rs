//! ModifyVpcAttribute: one attribute at a time.

use cumulet_engine::api::vpc::VpcChange;
use cumulet_model::{CloudError, VpcId};

use crate::call::{Answer, Call, done};

/// A parameter with the change that it asks for.
type Attribute = (&'static str, fn(bool) -> VpcChange);

const ATTRIBUTES: [Attribute; 3] = [
    ("EnableDnsHostnames", VpcChange::DnsHostnames),
    ("EnableDnsSupport", VpcChange::DnsSupport),
    ("EnableNetworkAddressUsageMetrics", VpcChange::AddressMetrics),
];

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let id: VpcId = params.required_id("VpcId")?;
    let mut changes = Vec::new();
    for (name, change) in ATTRIBUTES {
        changes.extend(params.structure(name).flag("Value")?.map(change));
    }
    let [change] = changes.as_slice() else {
        return Err(match changes.len() {
            0 => CloudError::missing("EnableDnsSupport"),
            _ => CloudError::combination("Only one attribute can be modified at a time"),
        });
    };
    call.check_dry_run()?;
    call.cloud.modify_vpc(&id, *change).await?;
    Ok(done())
}
