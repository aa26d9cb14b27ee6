//! DescribeVpcAttribute: one attribute of one VPC.

use cumulet_model::VpcId;

use crate::call::{Answer, Call};
use crate::describe::select;
use crate::resources::vpc::KIND;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let id: VpcId = params.required_id("VpcId")?;
    let words = [
        ("enableDnsHostnames", ("enableDnsHostnames", true)),
        ("enableDnsSupport", ("enableDnsSupport", true)),
        ("enableNetworkAddressUsageMetrics", ("enableNetworkAddressUsageMetrics", false)),
    ];
    params.required("Attribute")?;
    let attribute = params.word("Attribute", &words)?;
    if let Some(by) = &KIND.ids {
        select(by, &[id.as_str()], call.cloud.vpcs().await?)?;
    }
    call.check_dry_run()?;
    let value = attribute.map(|(name, on)| Xml::new().value(name, on)).unwrap_or_default();
    Ok(value.text("vpcId", id))
}
