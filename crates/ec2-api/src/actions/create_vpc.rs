//! CreateVpc: a VPC with its main route table and default group.

use cumulet_engine::api::vpc::CreateVpc;
use cumulet_model::CloudError;

use super::shared::ranges::{OTHER_POOLS, required_cidr};
use crate::call::{Answer, Call};
use crate::resources::vpc;
use crate::tags::tags_for;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    params.refuse(&OTHER_POOLS)?;
    params.refuse(&["Ipv6CidrBlock", "VpcEncryptionControl"])?;
    if let Some(tenancy) = params.text("InstanceTenancy").filter(|tenancy| *tenancy != "default") {
        let rule = "it can be default only: this cloud is one host";
        return Err(params.invalid("InstanceTenancy", tenancy, rule));
    }
    let request = CreateVpc {
        cidr: required_cidr(&params, "CidrBlock")?,
        ipv6: params.flag("AmazonProvidedIpv6CidrBlock")? == Some(true),
        tags: tags_for(&params, "vpc")?,
    };
    check(&request)?;
    call.check_dry_run()?;
    let made = call.cloud.create_vpc(request).await?;
    Ok(Xml::new().node("vpc", vpc::xml(&made, &call.facts())))
}

/// What a dry run must find as well.
fn check(request: &CreateVpc) -> Result<(), CloudError> {
    cumulet_model::range::check_vpc(request.cidr.trunc())
}
