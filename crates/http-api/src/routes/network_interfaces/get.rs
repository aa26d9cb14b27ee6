//! `GET /v1/network-interfaces/{id}`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::network::NetworkInterface;
use cumulet_model::error::parse_id;

use crate::convert::network::interface_to;
use crate::error::Result;
use crate::extract::Segment;
use crate::router::Api;

/// One network interface.
#[utoipa::path(get, path = "/v1/network-interfaces/{id}", operation_id = "get_network_interface", tag = "network",
    params(("id" = String, Path, description = "Its id")), responses(
        (status = 200, description = "It", body = NetworkInterface),
        (status = "default", description = "An error", body = ErrorReply),
    )
)]
pub(crate) async fn get(
    State(api): State<Api>,
    Segment(id): Segment<String>,
) -> Result<Json<NetworkInterface>> {
    Ok(Json(interface_to(api.cloud.network_interface(&parse_id(&id)?).await?)))
}
