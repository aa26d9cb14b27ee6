//! `POST /v1/network-interfaces`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::network::{CreateNetworkInterface, NetworkInterface};
use cumulet_engine::api::interface::CreateInterface;
use cumulet_model::error::parse_id;
use cumulet_model::{CloudError, ErrorCode, SubnetId};

use crate::convert::network::interface_to;
use crate::error::Result;
use crate::extract::Body;
use crate::router::Api;

/// Makes a network interface with an address of its own.
#[utoipa::path(post, path = "/v1/network-interfaces", operation_id = "create_network_interface", tag = "network",
    request_body = CreateNetworkInterface, responses(
        (status = 201, description = "It is made", body = NetworkInterface),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn create(
    State(api): State<Api>,
    Body(request): Body<CreateNetworkInterface>,
) -> Result<(StatusCode, Json<NetworkInterface>)> {
    let private_ip = request.private_ip.as_deref().map(|text| {
        text.parse().map_err(|_| CloudError::invalid_value("private_ip must be an IPv4 address"))
    });
    let request = CreateInterface {
        subnet_id: subnet(&api, request.subnet_id.as_deref()).await?,
        description: request.description,
        group_ids: request.group_ids.iter().map(|id| parse_id(id)).collect::<std::result::Result<_, _>>()?,
        private_ip: private_ip.transpose()?,
        tags: request.tags,
        client_token: request.client_token,
    };
    let interface = api.cloud.create_network_interface(request).await?;
    Ok((StatusCode::CREATED, Json(interface_to(interface))))
}

/// The subnet that was asked for, or the default one of the first zone.
async fn subnet(api: &Api, asked: Option<&str>) -> Result<SubnetId> {
    if let Some(asked) = asked {
        return Ok(parse_id(asked)?);
    }
    let zone = api.cloud.region().zones.first().map(|zone| zone.name.clone());
    let subnets = api.cloud.subnets().await?;
    let default =
        subnets.into_iter().find(|subnet| subnet.default_for_zone && Some(&subnet.zone) == zone.as_ref());
    let none = || CloudError::new(ErrorCode::InvalidSubnetIdNotFound, "there is no default subnet");
    Ok(default.ok_or_else(none)?.id)
}
