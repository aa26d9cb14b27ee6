//! `POST /v1/network-interfaces/{id}/attach`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::network::{AttachNetworkInterface, NetworkInterface};
use cumulet_engine::api::interface::AttachInterface;
use cumulet_model::InterfaceId;
use cumulet_model::error::parse_id;

use crate::convert::network::interface_to;
use crate::error::Result;
use crate::extract::{Body, Segment};
use crate::router::Api;

/// Attaches an interface to an instance that runs or is stopped. The answer comes at once; poll the interface.
#[utoipa::path(post, path = "/v1/network-interfaces/{id}/attach", operation_id = "attach_network_interface",
    tag = "network", params(("id" = String, Path, description = "Its id")), request_body = AttachNetworkInterface,
    responses(
        (status = 200, description = "The interface", body = NetworkInterface),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn attach(
    State(api): State<Api>,
    Segment(id): Segment<String>,
    Body(request): Body<AttachNetworkInterface>,
) -> Result<Json<NetworkInterface>> {
    let interface_id: InterfaceId = parse_id(&id)?;
    let instance_id = parse_id(&request.instance_id)?;
    let device_index = match request.device_index {
        Some(index) => index,
        None => api.cloud.free_device_index(&instance_id).await?,
    };
    let request = AttachInterface { interface_id: interface_id.clone(), instance_id, device_index };
    api.cloud.attach_network_interface(request).await?;
    Ok(Json(interface_to(api.cloud.network_interface(&interface_id).await?)))
}
