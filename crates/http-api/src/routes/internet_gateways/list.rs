//! `GET /v1/internet-gateways`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::gateway::InternetGatewayList;

use crate::convert::route::gateway_to;
use crate::error::Result;
use crate::router::Api;

/// All internet gateways.
#[utoipa::path(get, path = "/v1/internet-gateways", operation_id = "list_internet_gateways", tag = "network", responses(
        (status = 200, description = "They", body = InternetGatewayList),
        (status = "default", description = "An error", body = ErrorReply),
    ))]
pub(crate) async fn list(State(api): State<Api>) -> Result<Json<InternetGatewayList>> {
    let internet_gateways = api.cloud.internet_gateways().await?.into_iter().map(gateway_to).collect();
    Ok(Json(InternetGatewayList { internet_gateways }))
}
