//! `POST /v1/network-interfaces/{id}/detach`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::network::NetworkInterface;
use cumulet_api_types::volume::DetachQuery;
use cumulet_model::error::parse_id;
use cumulet_model::{CloudError, ErrorCode, InterfaceId};

use crate::convert::network::interface_to;
use crate::error::Result;
use crate::extract::{Search, Segment};
use crate::router::Api;

/// Detaches an interface, never the primary one: the guest is asked to let go of it, or it is taken away.
#[utoipa::path(post, path = "/v1/network-interfaces/{id}/detach", operation_id = "detach_network_interface",
    tag = "network", params(("id" = String, Path, description = "Its id"), DetachQuery), responses(
        (status = 200, description = "The interface", body = NetworkInterface),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn detach(
    State(api): State<Api>,
    Segment(id): Segment<String>,
    Search(query): Search<DetachQuery>,
) -> Result<Json<NetworkInterface>> {
    let id: InterfaceId = parse_id(&id)?;
    let attachment = api.cloud.network_interface(&id).await?.attachment.ok_or_else(|| {
        CloudError::new(ErrorCode::IncorrectState, format!("Network interface '{id}' is attached to nothing"))
    })?;
    api.cloud.detach_network_interface(&attachment.id, query.force).await?;
    Ok(Json(interface_to(api.cloud.network_interface(&id).await?)))
}
