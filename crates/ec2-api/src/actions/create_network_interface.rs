//! CreateNetworkInterface: an interface by itself, with an address of its own.

use std::net::Ipv4Addr;

use cumulet_engine::api::interface::CreateInterface;
use cumulet_model::CloudError;

use super::shared::addresses::private_ip;
use crate::call::{Answer, Call};
use crate::query::Params;
use crate::resources::interface;
use crate::tags::tags_for;
use crate::xml::Xml;

/// Handles the call.
pub async fn handle(call: &Call) -> Answer {
    let params = call.params();
    refuse(&params)?;
    let private_ip: Option<Ipv4Addr> = private_ip(&params)?;
    let request = CreateInterface {
        subnet_id: params.required_id("SubnetId")?,
        description: params.text("Description").map(str::to_owned),
        group_ids: params.ids("SecurityGroupId")?,
        private_ip,
        tags: tags_for(&params, "network-interface")?,
        client_token: params.text("ClientToken").map(str::to_owned),
    };
    call.check_dry_run()?;
    let token = request.client_token.clone();
    let made = call.cloud.create_network_interface(request).await?;
    Ok(Xml::new().node("networkInterface", interface::xml(&made, &call.facts())).maybe("clientToken", token))
}

fn refuse(params: &Params<'_>) -> Result<(), CloudError> {
    params.refuse(&[
        "ConnectionTrackingSpecification",
        "Operator",
        "Ipv4Prefix",
        "Ipv6Prefix",
        "Ipv6Addresses",
        "InterfaceType",
    ])?;
    for name in ["SecondaryPrivateIpAddressCount", "Ipv6AddressCount", "Ipv4PrefixCount", "Ipv6PrefixCount"] {
        if params.number::<u32>(name)?.is_some_and(|count| count != 0) {
            return Err(params.unsupported(name, "is not supported by this cloud yet"));
        }
    }
    if params.flag("EnablePrimaryIpv6")? == Some(true) {
        return Err(params.unsupported("EnablePrimaryIpv6", "is not supported: this cloud has no IPv6 yet"));
    }
    Ok(())
}
