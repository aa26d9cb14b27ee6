//! DescribeVpcAttribute: one attribute of one VPC.

use cumulet_model::VpcId;
use cumulet_model::network::Vpc;

use crate::call::{Answer, Call};
use crate::describe::select;
use crate::resources::vpc::KIND;
use crate::xml::Xml;

/// An attribute's name with what reads it.
type Attribute = (&'static str, fn(&Vpc) -> bool);

const ATTRIBUTES: [Attribute; 3] = [
    ("enableDnsHostnames", |vpc| vpc.dns_hostnames),
    ("enableDnsSupport", |vpc| vpc.dns_support),
    ("enableNetworkAddressUsageMetrics", |vpc| vpc.address_metrics),
];

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    let id: VpcId = params.required_id("VpcId")?;
    params.required("Attribute")?;
    let attribute = params.word("Attribute", &ATTRIBUTES.map(|attribute| (attribute.0, attribute)))?;
    let mut vpcs = call.cloud.vpcs().await?;
    if let Some(by) = &KIND.ids {
        vpcs = select(by, &[id.as_str()], vpcs)?;
    }
    call.check_dry_run()?;
    let value = attribute.zip(vpcs.first()).map(|((name, read), vpc)| Xml::new().value(name, read(vpc)));
    Ok(value.unwrap_or_default().text("vpcId", id))
}
