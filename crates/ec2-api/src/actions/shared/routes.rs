//! Routes in requests: what they are for and where they lead.

use cumulet_engine::api::vpc::{RequestedTarget, RouteRequest};
use cumulet_model::route::Destination;
use cumulet_model::{CloudError, ErrorCode};
use ipnet::IpNet;

use crate::query::{Params, shorten};

/// What EC2's routes may lead to and this cloud does not have.
const ELSEWHERE: [&str; 7] = [
    "VpcEndpointId",
    "TransitGatewayId",
    "LocalGatewayId",
    "CarrierGatewayId",
    "CoreNetworkArn",
    "OdbNetworkArn",
    "VpcPeeringConnectionId",
];

/// A route with its target.
pub fn route(params: &Params<'_>) -> Result<RouteRequest, CloudError> {
    Ok(RouteRequest {
        route_table_id: params.required_id("RouteTableId")?,
        destination: destination(params)?,
        target: target(params)?,
    })
}

/// What a route is for; one of EC2's three ways to say it.
pub fn destination(params: &Params<'_>) -> Result<Destination, CloudError> {
    let given: Vec<_> = ["DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId"]
        .into_iter()
        .filter_map(|name| Some((name, params.text(name)?)))
        .collect();
    let (name, text) = match given.as_slice() {
        [] => return Err(CloudError::missing("destinationCidrBlock")),
        [one] => *one,
        _ => {
            return Err(CloudError::combination(
                "Exactly one of DestinationCidrBlock, DestinationIpv6CidrBlock and DestinationPrefixListId must be given",
            ));
        }
    };
    if name == "DestinationPrefixListId" {
        return Err(params.unsupported(name, "is not supported in routes by this cloud yet"));
    }
    let family = |cidr: &IpNet| cidr.addr().is_ipv6() == (name == "DestinationIpv6CidrBlock");
    let cidr = text.parse::<IpNet>().ok().filter(family);
    cidr.map(|cidr| Destination::Cidr(cidr.trunc()))
        .ok_or_else(|| params.invalid(name, text, "This is not a valid CIDR block."))
}

fn target(params: &Params<'_>) -> Result<RequestedTarget, CloudError> {
    params.refuse(&ELSEWHERE)?;
    let local = params.flag("LocalTarget")? == Some(true);
    let given = [
        params.text("GatewayId").map(gateway).transpose()?,
        params.id("EgressOnlyInternetGatewayId")?.map(RequestedTarget::EgressOnlyGateway),
        params.id("NatGatewayId")?.map(RequestedTarget::NatGateway),
        params.id("NetworkInterfaceId")?.map(RequestedTarget::Interface),
        params.id("InstanceId")?.map(RequestedTarget::Instance),
        local.then_some(RequestedTarget::Local),
    ];
    let mut given = given.into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(CloudError::missing("gatewayId")),
        (Some(_), Some(_)) => Err(CloudError::combination(
            "A route must have exactly one target, and the request names several",
        )),
    }
}

fn gateway(text: &str) -> Result<RequestedTarget, CloudError> {
    if text == "local" {
        return Ok(RequestedTarget::Local);
    }
    text.parse().map(RequestedTarget::InternetGateway).map_err(|_| {
        let text = format!("Invalid id: \"{}\" (expecting \"igw-...\")", shorten(text));
        CloudError::new(ErrorCode::InvalidGatewayIdMalformed, text)
    })
}
