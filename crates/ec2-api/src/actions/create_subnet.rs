//! CreateSubnet: a part of a VPC's addresses in one zone.

use cumulet_engine::api::vpc::CreateSubnet;

use super::shared::ranges::{OTHER_POOLS, cidr, required_cidr};
use super::shared::zone::zone;
use crate::call::{Answer, Call};
use crate::resources::subnet;
use crate::tags::tags_for;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    params.refuse(&OTHER_POOLS)?;
    params.refuse(&["OutpostArn"])?;
    if params.flag("Ipv6Native")? == Some(true) {
        return Err(params.unsupported("Ipv6Native", "is not supported: each subnet here has IPv4 addresses"));
    }
    let request = CreateSubnet {
        vpc_id: params.required_id("VpcId")?,
        cidr: required_cidr(&params, "CidrBlock")?,
        ipv6_cidr: cidr(&params, "Ipv6CidrBlock")?,
        zone: zone(call)?,
        tags: tags_for(&params, "subnet")?,
    };
    call.check_dry_run()?;
    let made = call.cloud.create_subnet(request).await?;
    Ok(Xml::new().node("subnet", subnet::xml(&made, &call.facts())))
}
