//! AssociateVpcCidrBlock: another range for a VPC.

use cumulet_engine::api::vpc::WantedRange;
use cumulet_model::{CloudError, VpcId};

use super::shared::ranges::{OTHER_POOLS, cidr};
use crate::call::{Answer, Call};
use crate::resources::vpc::associated_xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    params.refuse(&OTHER_POOLS)?;
    params.refuse(&["Ipv6CidrBlock"])?;
    let id: VpcId = params.required_id("VpcId")?;
    let ipv6 = params.flag("AmazonProvidedIpv6CidrBlock")? == Some(true);
    let wanted = match (cidr(&params, "CidrBlock")?, ipv6) {
        (Some(cidr), false) => WantedRange::Ipv4(cidr),
        (None, true) => WantedRange::Ipv6,
        (None, false) => return Err(CloudError::missing("cidrBlock")),
        (Some(_), true) => {
            return Err(CloudError::combination(
                "The parameters CidrBlock and AmazonProvidedIpv6CidrBlock cannot be used together",
            ));
        }
    };
    call.check_dry_run()?;
    let given = call.cloud.associate_vpc_range(&id, wanted).await?;
    Ok(associated_xml(&given, "associating", &call.facts()).text("vpcId", id))
}
