//! CreateNatGateway: a public NAT gateway with its elastic address.

use cumulet_engine::api::vpc::CreateNatGateway;
use cumulet_model::CloudError;

use crate::call::{Answer, Call};
use crate::query::Params;
use crate::resources::nat_gateway;
use crate::tags::tags_for;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    refuse(&params)?;
    let request = CreateNatGateway {
        subnet_id: params.required_id("SubnetId")?,
        allocation_id: params.required_id("AllocationId")?,
        private_ip: params.parsed("PrivateIpAddress", "expected an IPv4 address")?,
        tags: tags_for(&params, "natgateway")?,
        client_token: params.text("ClientToken").map(str::to_owned),
    };
    call.cloud.subnet(&request.subnet_id).await?;
    call.check_dry_run()?;
    let token = request.client_token.clone();
    let made = call.cloud.create_nat_gateway(request).await?;
    Ok(Xml::new().maybe("clientToken", token).node("natGateway", nat_gateway::xml(&made)))
}

/// What of EC2's NAT gateways this cloud does not have: private and regional ones, and those with several addresses.
fn refuse(params: &Params<'_>) -> Result<(), CloudError> {
    params.refuse(&["VpcId", "AvailabilityZoneAddress", "SecondaryAllocationId", "SecondaryPrivateIpAddress"])?;
    if params.number::<u32>("SecondaryPrivateIpAddressCount")?.is_some_and(|count| count != 0) {
        return Err(params.unsupported("SecondaryPrivateIpAddressCount", "is not supported by this cloud"));
    }
    for (name, only) in [("ConnectivityType", "public"), ("AvailabilityMode", "zonal")] {
        if params.text(name).is_some_and(|value| value != only) {
            return Err(params.unsupported(name, &format!("can be {only} only in this cloud")));
        }
    }
    Ok(())
}
