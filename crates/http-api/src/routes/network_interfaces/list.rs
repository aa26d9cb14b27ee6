//! `GET /v1/network-interfaces`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::network::NetworkInterfaceList;

use crate::convert::network::interface_to;
use crate::error::Result;
use crate::router::Api;

/// All network interfaces.
#[utoipa::path(get, path = "/v1/network-interfaces", operation_id = "list_network_interfaces", tag = "network", responses(
    (status = 200, description = "They", body = NetworkInterfaceList),
    (status = "default", description = "An error", body = ErrorReply),
))]
pub(crate) async fn list(State(api): State<Api>) -> Result<Json<NetworkInterfaceList>> {
    let network_interfaces = api.cloud.network_interfaces().await?.into_iter().map(interface_to).collect();
    Ok(Json(NetworkInterfaceList { network_interfaces }))
}
