//! `GET /v1/subnets`.

use axum::Json;
use axum::extract::State;
use cumulet_api_types::error::ErrorReply;
use cumulet_api_types::network::SubnetList;

use crate::convert::network::subnet_to;
use crate::error::Result;
use crate::router::Api;

/// All subnets.
#[utoipa::path(get, path = "/v1/subnets", operation_id = "list_subnets", tag = "network", responses(
    (status = 200, description = "They", body = SubnetList),
    (status = "default", description = "An error", body = ErrorReply),
))]
pub(crate) async fn list(State(api): State<Api>) -> Result<Json<SubnetList>> {
    let subnets = api.cloud.subnets().await?.into_iter().map(subnet_to).collect();
    Ok(Json(SubnetList { subnets }))
}
