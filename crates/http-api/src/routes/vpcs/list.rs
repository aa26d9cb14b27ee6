//! `GET /v1/vpcs`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::network::VpcList;

use crate::convert::network::vpc_to;
use crate::error::Result;
use crate::router::Api;

/// All VPCs.
#[utoipa::path(get, path = "/v1/vpcs", operation_id = "list_vpcs", tag = "network", responses(
    (status = 200, description = "They", body = VpcList),
    (status = "default", description = "An error", body = ErrorReply),
))]
pub(crate) async fn list(State(api): State<Api>) -> Result<Json<VpcList>> {
    let vpcs = api.cloud.vpcs().await?.into_iter().map(vpc_to).collect();
    Ok(Json(VpcList { vpcs }))
}
